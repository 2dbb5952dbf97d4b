/**
 * One Postgres connection that is always there again, for LISTEN. Never queues statements while it is down.
 *
 *     opening ──ready──▶ up ──lost (cut, check failed)──▶ waiting ──backoff──▶ opening
 *        └──failed──▶ waiting                 any ──close()──▶ closed
 *
 * The first opening is the caller's: if it fails, so does the call. LISTEN needs a session of its own, so the URL must not
 * lead through a pooler in transaction mode.
 */
import type pg from 'pg'
import type { Logger } from '../logging.ts'
import { PostgresClient } from '../postgres-client.ts'

export interface DedicatedOptions {
  readonly url: string
  /** Shown in pg_stat_activity. */
  readonly name: string
  readonly log: Logger
  readonly onNotification: (channel: string, payload: string) => void
  /** Statements that make a new connection what it must be, run before anybody else's. */
  readonly prepare: () => readonly string[]
  /** Called when the connection is up after it was lost. */
  readonly onReturn: () => void
  /** How often an idle connection is asked whether it is still there. Default 10 s. */
  readonly checkMs?: number
}

export interface DedicatedConnection {
  readonly isUp: boolean
  /** One statement after another. Rejects if the connection is down or breaks; every failure ends the connection. */
  query(text: string, values?: readonly unknown[]): Promise<void>
  /** Resolves when the connection is up; rejects once closed. */
  whenUp(): Promise<void>
  close(): Promise<void>
}

const ANSWER_MS = 5_000
const backoffMs = (attempt: number): number => Math.min(5_000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2)

export async function openDedicatedConnection(options: DedicatedOptions): Promise<DedicatedConnection> {
  let up: pg.Client | undefined
  let closed = false
  let turn: Promise<unknown> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let waiters: { resolve: () => void; reject: (error: Error) => void }[] = []

  async function open(): Promise<void> {
    const client = new PostgresClient({
      connectionString: options.url,
      application_name: options.name,
      connectionTimeoutMillis: 10_000,
      answerMs: ANSWER_MS,
      keepAlive: true,
    })
    // 'end' follows and is what counts; without a listener the error would end the process.
    client.on('error', () => {})
    client.on('notification', ({ channel, payload }) => options.onNotification(channel, payload ?? ''))
    client.once('end', () => lost(client))
    try {
      await client.connect()
      for (const statement of options.prepare()) await client.query(statement)
    } catch (error) {
      await client.end().catch(() => {})
      throw error
    }
    if (closed) return client.end()
    up = client
    const waited = waiters
    waiters = []
    for (const { resolve } of waited) resolve()
  }

  function lost(client: pg.Client): void {
    if (up !== client) return
    up = undefined
    if (closed) return
    options.log.warn({ connection: options.name }, 'the connection to Postgres was lost')
    wait(0)
  }

  function wait(attempt: number): void {
    timer = setTimeout(() => {
      open().then(
        () => {
          if (up) options.onReturn()
        },
        (error: unknown) => {
          options.log.debug(
            { err: error, connection: options.name, attempt },
            'no connection to Postgres yet',
          )
          if (!closed) wait(attempt + 1)
        },
      )
    }, backoffMs(attempt))
  }

  function query(text: string, values: readonly unknown[] = []): Promise<void> {
    const client = up
    if (!client) return Promise.reject(new Error('there is no connection to Postgres'))
    const running = turn.then(async () => {
      try {
        await client.query(text, [...values])
      } catch (error) {
        // Our statements fail only with their connection, or unanswered on a dead one.
        void client.end().catch(() => {})
        lost(client)
        throw error
      }
    })
    turn = running.catch(() => {})
    return running
  }

  await open()
  const check = setInterval(() => up && query('SELECT 1').catch(() => {}), options.checkMs ?? 10_000)
  check.unref()

  return {
    get isUp() {
      return up !== undefined
    },
    query,
    whenUp() {
      if (closed) return Promise.reject(new Error('the connection is closed'))
      if (up) return Promise.resolve()
      return new Promise<void>((resolve, reject) => waiters.push({ resolve, reject }))
    },
    async close() {
      if (closed) return
      closed = true
      clearTimeout(timer)
      clearInterval(check)
      for (const { reject } of waiters) reject(new Error('the connection is closed'))
      await turn
      await up?.end().catch(() => {})
    },
  }
}
