/** Measures the Postgres ledger alone: durable events a second in closed loop, and plain INSERTs on the same server beside it. */
import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import type { ConversationId } from '../../domain/ids.ts'
import type { EventToAppend, Revision, StreamName } from '../../ledger/ledger.ts'
import { createPostgresLedger } from '../../ledger/postgres/ledger.ts'
import { conversationOf, conversationStream } from '../../ledger/streams.ts'
import { createDurations, type Percentiles } from '../histogram.ts'

export interface AppendPlan {
  /** Appends under way at a time, each to a stream of its own. */
  readonly writers: number
  readonly eventsPerAppend: number
  readonly seconds: number
}

export interface AppendRun extends AppendPlan {
  readonly eventsPerSecond: number
  readonly appendMs: Percentiles
  /** Appends that were answered with anything but `written`. */
  readonly failed: number
  /** Acknowledged events that are not in their streams, or are there twice. */
  readonly lost: number
}

export async function measureAppends(databaseUrl: string, plan: AppendPlan): Promise<AppendRun> {
  const { writers, eventsPerAppend, seconds } = plan
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 })
  const ledger = createPostgresLedger({ databaseUrl, pool })
  const durations = createDurations()
  const streams = Array.from({ length: writers }, newStream)
  const revisions = new Map<StreamName, Revision>()
  let failed = 0

  async function write(stream: StreamName, until: number): Promise<number> {
    let revision = -1
    let events = 0
    while (performance.now() < until) {
      const batch = Array.from({ length: eventsPerAppend }, (_, index) =>
        realEvent(stream, revision + 1 + index),
      )
      const began = performance.now()
      const outcome = await ledger.append(stream, batch, revision as Revision)
      durations.record(performance.now() - began)
      if (outcome.kind !== 'written') {
        failed++
        break
      }
      revision = outcome.revision
      events += eventsPerAppend
    }
    revisions.set(stream, revision as Revision)
    return events
  }

  try {
    const began = performance.now()
    const until = began + seconds * 1000
    const counts = await Promise.all(streams.map((stream) => write(stream, until)))
    const elapsed = (performance.now() - began) / 1000
    const written = counts.reduce((sum, count) => sum + count, 0)
    const { rows } = await pool.query<{ count: string }>(
      'SELECT count(DISTINCT (stream, revision)) FROM ledger.events WHERE stream = ANY ($1)',
      [streams],
    )
    return {
      ...plan,
      eventsPerSecond: written / elapsed,
      appendMs: durations.percentiles(),
      failed,
      lost: Math.abs(written - Number(rows[0]?.count ?? 0)),
    }
  } finally {
    await ledger.close()
    await pool.end()
  }
}

/** What a program does that knows no better: one row, one commit, on one connection. */
export async function measureInserts(databaseUrl: string, seconds: number): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query('CREATE SCHEMA IF NOT EXISTS bench')
    await client.query(
      'CREATE TABLE IF NOT EXISTS bench.plain (position bigserial PRIMARY KEY, stream text, revision int, id uuid, type text, data json, metadata json, UNIQUE (stream, revision))',
    )
    const stream = newStream()
    const began = performance.now()
    let count = 0
    for (; performance.now() < began + seconds * 1000; count++) {
      const { id, type, data, metadata } = realEvent(stream, count)
      await client.query({
        name: 'plain-insert',
        text: 'INSERT INTO bench.plain (stream, revision, id, type, data, metadata) VALUES ($1, $2, $3, $4, $5, $6)',
        values: [stream, count, id, type, data, metadata],
      })
    }
    return count / ((performance.now() - began) / 1000)
  } finally {
    await client.end()
  }
}

/** Random bytes cost more than they show; one draw serves all events. */
const HASH = randomBytes(32).toString('hex')
/** A text of 100 bytes, sealed: nonce and tag come on top. */
const SEALED = randomBytes(150).toString('base64')

const newStream = (): StreamName => conversationStream(randomUUID() as string as ConversationId)

/** Of the size and shape that a message of 100 bytes has in the ledger. */
function realEvent(stream: StreamName, revision: number): EventToAppend {
  const id = randomUUID()
  return {
    id,
    type: 'MessageSent',
    data: JSON.stringify({
      conversationId: conversationOf(stream),
      seq: revision + 1,
      messageId: HASH,
      senderId: 'ada.lovelace',
      deviceId: 'phone',
      nonce: 'n0nce-n0nce-n0nce',
      clientAt: 1_767_225_600_000,
      bodyHash: HASH,
      body: SEALED,
    }),
    metadata: JSON.stringify({
      schemaVersion: '1',
      $correlationId: HASH,
      $causationId: HASH,
      commandId: HASH,
      actorId: 'ada.lovelace',
      actorKind: 'user',
      deviceId: 'phone',
      node: 'node-1-4711-a1b2c3',
      occurredAt: '1767225600000',
      recordedAt: '1767225600001',
      prevHash: HASH,
      hash: HASH,
    }),
  }
}
