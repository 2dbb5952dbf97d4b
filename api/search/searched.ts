/** What is searched, where, and what it takes. */
import type pg from 'pg'
import type { UserId } from '../../domain/ids.ts'
import type { SearchQuery } from '../../domain/search/query.ts'
import type { BlindLexemes } from '../../ledger/sealing/blind-lexemes.ts'
import type { SearchedStretch } from '../../projections/queries/searched-stretches.ts'

export interface Searched {
  readonly userId: UserId
  readonly query: SearchQuery
  /** Newest first. */
  readonly stretches: readonly SearchedStretch[]
}

export interface CandidateDeps {
  readonly pool: pg.Pool
  readonly lexemes: BlindLexemes
}
