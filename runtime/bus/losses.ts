/**
 * What this process could not publish. It is gone, and whoever was to hear it knows nothing of that: so when sending works again, every
 * process is told, and takes it for a gap. Resends nothing.
 */
import type { Logger } from '../logging.ts'

/** Every bus listens here. */
export const LOSS_CHANNEL = 'losses'

/** After a restart of the server all processes tell of their losses at about the same time: that is one gap. */
const GATHER_MS = 500

export interface LossesDeps {
  /** Tells every process, this one too. Rejects if it cannot: then it is told the next time. */
  readonly publish: () => Promise<unknown>
  readonly gap: () => void
  readonly log: Pick<Logger, 'warn'>
}

export interface Losses {
  /** Something is gone of which nobody was told yet. */
  readonly any: boolean
  add(messages: number): void
  /** To be called when sending works again, and now and then, because messages are dropped without a cut where too many wait. */
  tell(): void
  /** A process has told. */
  heard(): void
  close(): void
}

export function createLosses({ publish, gap, log }: LossesDeps): Losses {
  let dropped = 0
  let gathering: NodeJS.Timeout | undefined
  let closed = false
  return {
    get any() {
      return dropped > 0
    },
    add(messages) {
      dropped += messages
    },
    tell() {
      if (dropped === 0) return
      const told = dropped
      dropped = 0
      publish().then(
        () =>
          log.warn({ dropped: told }, 'messages of the bus were dropped: all processes look at the truth'),
        () => {
          dropped += told
        },
      )
    },
    heard() {
      if (closed) return
      gathering ??= setTimeout(() => {
        gathering = undefined
        gap()
      }, GATHER_MS)
    },
    close() {
      closed = true
      clearTimeout(gathering)
    },
  }
}
