/** The system under test: the one that was named, else the one that runs here or one of our own. */
import { startProblem } from '../../runtime/problem.ts'
import { findJwtSecret } from '../../runtime/secrets.ts'
import { findSystem } from '../system/find-system.ts'

export interface Subject {
  /** `http://host:port` of its nodes. */
  readonly urls: readonly [string, ...string[]]
  /** Undefined: its people are accounts. */
  readonly secret: string | undefined
  /** Stops it if it is our own. */
  stop(): Promise<void>
}

/** Rejects with a `StartProblem`. */
export async function findSubject(named: readonly string[], secret: string | undefined): Promise<Subject> {
  const [first, ...others] = named
  if (first !== undefined) {
    for (const url of named) await mustAnswer(url)
    return { urls: [first, ...others], secret, stop: async () => {} }
  }
  const system = await findSystem(undefined)
  return {
    urls: [system.url],
    secret: secret ?? findJwtSecret(system.config),
    stop: () => system.stop(),
  }
}

async function mustAnswer(url: string): Promise<void> {
  try {
    await fetch(url, { signal: AbortSignal.timeout(5000) })
  } catch {
    throw startProblem(`nothing answers at ${url}`, 'Start a system there, or name another one.')
  }
}
