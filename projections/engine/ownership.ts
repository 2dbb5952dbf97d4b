/**
 * One active engine per schema, by an advisory lock on a connection of its own. A standby asks again and again; the lock is
 * free as soon as the owner's connection is gone, or nothing was heard of it for 20 to 25 s; and of an owner that stands still with its
 * connection open, after 30 s without a beat. Fencing is not done here but by the checkpoints (`claim.ts`).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { endInTime, NOTICE_VANISHED_CLIENT } from '../../runtime/postgres.ts'
import { PostgresClient } from '../../runtime/postgres-client.ts'
import type { ReadSchema } from '../schema.ts'
import { classify } from './failures.ts'

export interface Ownership {
  /** Aborted when the connection is lost, or does not answer, and the lock with it. */
  readonly lost: AbortSignal
  /** Runs on the connection that holds the lock, so that a success also proves that it still does. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<pg.QueryResult<Row>>
  /** Calls back whenever somebody notifies the channel, instead of whoever listened before on this connection. */
  listen(channel: string, heard: () => void): Promise<void>
  release(): Promise<void>
}

const ASK_AGAIN_MS = 250
/** By then Postgres has given the lock to somebody else, if it is the network that is silent. */
const ANSWER_MS = 20_000

const BEAT_MS = 5_000
/** By then Postgres ends the connection of an owner that stands still: in a transaction or not. */
const STANDS_STILL = 'SET idle_session_timeout = 30000; SET idle_in_transaction_session_timeout = 30000'

const TRY_LOCK = `SELECT pg_try_advisory_lock(hashtext('triptick projections'), hashtext($1)) AS locked`

/** Resolves with the lock, or with undefined when `signal` aborts first. */
export async function acquireOwnership(
  databaseUrl: string,
  schema: ReadSchema | 'search',
  signal: AbortSignal,
): Promise<Ownership | undefined> {
  while (!signal.aborted) {
    const ownership = await tryOwnership(databaseUrl, schema).catch((error: unknown) => {
      if (classify(error) !== 'transient') throw error
      return undefined
    })
    if (ownership) return ownership
    await sleep(ASK_AGAIN_MS, undefined, { signal }).catch(() => {})
  }
  return undefined
}

/** One try; undefined when somebody else has it. `rebuild` is the lock of the command, `search` that of the search index. */
export async function tryOwnership(
  databaseUrl: string,
  what: ReadSchema | 'rebuild' | 'search',
  answerMs = ANSWER_MS,
): Promise<Ownership | undefined> {
  const client = new PostgresClient({
    connectionString: databaseUrl,
    application_name: `triptick ${what} owner`,
    connectionTimeoutMillis: 10_000,
    answerMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    goesAfterOthers: true,
  })
  const lost = new AbortController()
  client.on('error', () => lost.abort())
  client.on('end', () => lost.abort())
  try {
    await client.connect()
    const { rows } = await client.query<{ locked: boolean }>(TRY_LOCK, [what])
    if (rows[0]?.locked) {
      await client.query(NOTICE_VANISHED_CLIENT)
      // Nothing fences a rebuild: one that stands still keeps its lock.
      if (what !== 'rebuild') await client.query(STANDS_STILL)
      // One statement after another: `pg` no longer keeps a queue of its own.
      let last: Promise<unknown> = Promise.resolve()
      const query: Ownership['query'] = (text, values) => {
        const next = last.then(() => client.query(text, values))
        last = next.catch(() => {})
        return next as Promise<never>
      }
      const beating = setInterval(() => query('SELECT 1').catch(() => {}), BEAT_MS).unref()
      lost.signal.addEventListener('abort', () => clearInterval(beating), { once: true })
      return {
        lost: lost.signal,
        query,
        async listen(channel, heard) {
          client.removeAllListeners('notification')
          client.on('notification', heard)
          await query(`LISTEN ${channel}`)
        },
        release: () => {
          clearInterval(beating)
          return endInTime(client)
        },
      }
    }
  } catch (error) {
    client.end().catch(() => {})
    throw error
  }
  await client.end()
  return undefined
}
