/**
 * Wakes followers when the ledger grew: LISTEN on one connection for all subscriptions of a process. A hint only: a
 * follower also looks by itself every `POLL_MS`, so that a lost notification costs time, never an event.
 */
import pg from 'pg'

/** Channel of NOTIFY. */
export const BELL = 'triptick_ledger'
const POLL_MS = 1000

export interface Doorbell {
  /** How often it has rung. Note it before looking, so that no ring is missed. */
  readonly rings: number
  /** Resolves once it has rung more often than `rings`, after `POLL_MS`, or when the signal aborts. */
  past(rings: number, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export function createDoorbell(connectionString: string): Doorbell {
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
    const client = new pg.Client({ connectionString, application_name: 'triptick ledger doorbell' })
    // A dead connection says so twice, and by then there may be another.
    const forget = () => {
      if (current === client) listening = undefined
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
      ring()
      await listening?.then((client) => client.end()).catch(() => {})
    },
  }
}
