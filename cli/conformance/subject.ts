/** The system under test: the one that was named, else the one that runs here or one of our own. */
import { startProblem } from '../../runtime/problem.ts'
import { knownJwtSecret } from '../../runtime/secrets.ts'
import { findSystem } from '../system/find-system.ts'
import { addressOf, statusOf } from '../system/named-system.ts'

export interface Subject {
  /** `http://host:port` of its nodes. */
  readonly urls: readonly [string, ...string[]]
  /** Undefined: its people are accounts. */
  readonly secret: string | undefined
  /** Stops it if it is our own. */
  stop(): Promise<void>
}

const ANSWER_LIMIT_MS = 5000

/** @param named as typed. Rejects with a `StartProblem`. */
export async function findSubject(named: readonly string[], secret: string | undefined): Promise<Subject> {
  const [first, ...others] = named.map(addressOf)
  if (first !== undefined) {
    for (const url of [first, ...others]) await mustAnswer(url)
    return { urls: [first, ...others], secret, stop: async () => {} }
  }
  const system = await findSystem(undefined)
  return {
    urls: [system.url],
    secret: secret ?? knownJwtSecret(system.config),
    stop: () => system.stop(),
  }
}

async function mustAnswer(url: string): Promise<void> {
  if ((await statusOf(new URL(url), ANSWER_LIMIT_MS)) !== undefined) return
  throw startProblem(`nothing answers at ${url}`, 'Start a system there, or name another one.')
}
