/** Whether Postgres answers at all, for whoever has waited long. Asks on a connection of its own: those of a pool may all be waiting. */
import pg from 'pg'
import { keptFor } from './kept-for.ts'
import { endInTime } from './postgres.ts'

/** A server that is stopped takes connections too, as its kernel does; one that is only busy greets a new one within milliseconds. */
const PATIENCE_MS = 3_000
const KEPT_MS = 1_000

/** However many ask, one connection is made at a time. */
export const createPostgresAnswers = (url: string): (() => Promise<boolean>) =>
  keptFor(KEPT_MS, async () => {
    const client = new pg.Client({
      connectionString: url,
      application_name: 'triptick-answers',
      connectionTimeoutMillis: PATIENCE_MS,
    })
    // It ends as soon as it is there, whoever ends it.
    client.on('error', () => {})
    try {
      await client.connect()
    } catch (error) {
      // That there is no room for one more is an answer too.
      return error instanceof pg.DatabaseError
    }
    endInTime(client).catch(() => {})
    return true
  })
