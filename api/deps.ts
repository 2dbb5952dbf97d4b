/** What the parts of the api share, composed once in `role.ts`. Types only. */
import type pg from 'pg'
import type { CommandHandler } from '../ledger/handle-command.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { BlindLexemes } from '../ledger/sealing/blind-lexemes.ts'
import type { ContentKeys } from '../ledger/sealing/content-keys.ts'
import type { ProjectionWaiter } from '../projections/queries/projection-waiter.ts'
import type { Logger } from '../runtime/logging.ts'
import type { Metrics } from '../runtime/metrics.ts'
import type { Accounts } from './accounts/accounts.ts'
import type { OriginSettings } from './auth/origins.ts'
import type { Tickets } from './auth/tickets.ts'
import type { VerifyToken } from './auth/verify-token.ts'
import type { Load } from './load/load.ts'
import type { RateLimits } from './rate-limits/rate-limits.ts'

export interface SearchIndex {
  readonly lexemes: BlindLexemes
  readonly waiter: ProjectionWaiter
}

export interface ApiDeps {
  readonly node: string
  readonly log: Logger
  readonly metrics: Metrics
  readonly pool: pg.Pool
  /** Whether Postgres answers at all; within 3 s. */
  readonly databaseAnswers: () => Promise<boolean>
  readonly ledger: Ledger
  readonly handler: CommandHandler
  readonly contentKeys: ContentKeys
  readonly waiter: ProjectionWaiter
  /** Undefined where search is switched off. */
  readonly search: SearchIndex | undefined
  readonly verifyToken: VerifyToken
  readonly tickets: Tickets
  /** Absent where they are switched off. */
  readonly accounts: Accounts | undefined
  readonly origins: OriginSettings
  readonly load: Load
  readonly rateLimits: RateLimits
  /** What flows into the token bucket of one socket, a second; 0: no limit. */
  readonly rateSocket: number
  /** Addresses and networks whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
}
