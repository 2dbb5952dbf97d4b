/**
 * Passwords: argon2id with the parameters that OWASP names (19 MiB, 2 passes, 1 lane), off the event loop. Few at a time, so
 * that a storm of log-ins leaves the processors to the messages.
 */
import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import { longerThan } from '../../protocol/fields.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { createLine } from '../../runtime/line.ts'
import { ApiProblem } from '../problem.ts'
import { normalForm } from './normal-form.ts'

export interface Passwords {
  /** @throws ApiProblem for a password that is too short or too long, and `overloaded` when too many wait. */
  hashOf(password: string): Promise<string>
  /** Takes as long for a person that does not exist (`undefined`). @throws ApiProblem for a password that is too long, and `overloaded`. */
  matches(kept: string | undefined, password: string): Promise<boolean>
}

const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
/** Of a password that nobody knows, with the same cost. */
const NOBODYS =
  '$argon2id$v=19$m=19456,t=2,p=1$apboRxeZFDeMdzHcgjNCGw$uSRfaZ7ArBurJ64rg1GFZVgKUCY6ctRN4Hq/TS4x5x0'

/** NIST SP 800-63B; no other rule makes passwords better. */
const MIN_CHARACTERS = 8

/**
 * Each takes about 30 ms of a processor: half of them at most are busy with it, and nobody waits much more than 3 s. Of Node's four threads one is
 * left for whatever else waits for them, as the signatures of tokens do.
 */
const AT_ONCE = Math.min(3, Math.max(1, Math.floor(availableParallelism() / 2)))
const MAX_WAITING = 100 * AT_ONCE
const RETRY_MS = 3_000

export function createPasswords(): Passwords {
  const line = createLine(AT_ONCE)

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (line.waiting >= MAX_WAITING) throw new ApiProblem('overloaded', 'too many log in just now', RETRY_MS)
    return await line.inTurn(work)
  }

  return {
    hashOf: async (password) => {
      const meant = normal(password)
      if (!longerThan(meant, MIN_CHARACTERS - 1)) {
        throw new ApiProblem('bad_frame', `password: fewer than ${MIN_CHARACTERS} characters`)
      }
      return await inTurn(() => hash(meant, COST))
    },
    matches: async (kept, password) => {
      const meant = normal(password)
      return await inTurn(async () => (await verify(kept ?? NOBODYS, meant)) && kept !== undefined)
    },
  }
}

const normal = (password: string): string => normalForm(password, 'password', LIMITS.passwordCharacters)
