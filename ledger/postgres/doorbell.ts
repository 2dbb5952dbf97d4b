/**
 * Wakes followers when the ledger grew: LISTEN on one connection for all subscriptions of a process. A hint only: a
 * follower also looks by itself every `POLL_MS`, so that a lost notification costs time, never an event.
 */
import type pg from 'pg'
import { PostgresClient } from '../../runtime/postgres-client.ts'

/** Channel of NOTIFY. */
export const BELL = 'triptick_ledger'
const POLL_MS = 1000
/** Between two questions whether the connection is still there: one that died without a word would never ring again. */
const CHECK_MS = 10_000
const ANSWER_MS = 5_000

export interface Doorbell {
  /** How often it has rung. Note it before looking, so that no ring is missed. */
  readonly rings: number
  /** Resolves once it has rung more often than `rings`, after `POLL_MS`, or when the signal aborts. */
  past(rings: number, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** @param onLost the connection has ended: whatever is known of the server may be true no more. */
export function createDoorbell(connectionString: string, onLost: () => void, checkMs = CHECK_MS): Doorbell {
  let rings = 0
  let waiting = new Set<() => void>()
  let listening: Promise<pg.Client> | undefined
  let current: pg.Client | undefined
  let closed = false

  const ring = () => {
    rings++
    const woken = waiting
    waiting = new Set()
    for (const wake of woken) wake()
  }

  async function listen(): Promise<pg.Client> {
    const client = new PostgresClient({
      connectionString,
      application_name: 'triptick ledger doorbell',
      connectionTimeoutMillis: 10_000,
      answerMs: ANSWER_MS,
      keepAlive: true,
    })
    // A dead connection says so twice, and by then there may be another.
    const forget = () => {
      if (current !== client) return
      listening = undefined
      onLost()
    }
    current = client
    client.on('error', forget)
    client.on('end', forget)
    client.on('notification', ring)
    try {
      await client.connect()
      await client.query(`LISTEN ${BELL}`)
      return client
    } catch (error) {
      client.end().catch(() => {})
      throw error
    }
  }

  /** Whatever goes wrong ends the connection: it is forgotten, and the next who waits opens another. */
  const ask = (client: pg.Client) => client.query('SELECT 1').catch(() => client.end())
  let asking = false
  const check = setInterval(async () => {
    if (asking) return
    asking = true
    await listening?.then(ask).catch(() => {})
    asking = false
  }, checkMs)
  check.unref()

  return {
    get rings() {
      return rings
    },
    past: (heard, signal) => {
      if (!closed && listening === undefined) {
        listening = listen()
        // Whoever waits polls meanwhile; the next wait tries to listen again.
        listening.catch(() => {
          listening = undefined
        })
      }
      return new Promise((resolve) => {
        if (rings > heard || signal.aborted || closed) return resolve()
        const done = () => {
          clearTimeout(timer)
          waiting.delete(done)
          signal.removeEventListener('abort', done)
          resolve()
        }
        const timer = setTimeout(done, POLL_MS)
        waiting.add(done)
        signal.addEventListener('abort', done)
      })
    },
    close: async () => {
      closed = true
      clearInterval(check)
      ring()
      await listening?.then((client) => client.end()).catch(() => {})
    },
  }
}
