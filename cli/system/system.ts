/** A Triptick that a command plays on: one that runs already, or one of the command's own. Types only. */
import type { Config } from '../../runtime/config.ts'

export interface System {
  /** `http://host:port` */
  readonly url: string
  /** Started by this command, with nobody else on it. */
  readonly own: boolean
  /** With which its ledger can be opened. */
  readonly config: Config
  /** A token for anybody. */
  tokenFor(userId: string, name?: string): Promise<string>
  /** Stops it if it is our own. */
  stop(): Promise<void>
}

export interface OwnSystem extends System {
  /** Of the process whose children do the work. */
  readonly pid: number
}
