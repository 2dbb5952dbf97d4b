/** The engine while its ledger is away. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createEventStoreLedger } from '../../../ledger/eventstoredb/ledger.ts'
import type { Ledger, RecordedEvent, Revision } from '../../../ledger/ledger.ts'
import { startSimulator } from '../../support/eventstoredb/simulator.ts'
import { freePort } from '../../support/free-port.ts'
import { someTalk } from '../support/talk.ts'
import { createWorld, projected, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.end())
afterEach(() => world.clear())

async function append(ledger: Ledger, events: readonly RecordedEvent[]): Promise<void> {
  for (const { stream, revision, id, type, data, metadata } of events) {
    const event = { id, type, data: JSON.stringify(data), metadata: JSON.stringify(metadata) }
    expect(await ledger.append(stream, [event], (revision - 1) as Revision)).toMatchObject({
      kind: 'written',
    })
  }
}

test('an EventStoreDB that is away for some seconds does not end the projections, which go on when it is back', async () => {
  const events = someTalk({ conversations: 2, turns: 10 })
  const port = await freePort()
  const before = await startSimulator({ port })
  const { log, url } = before
  const ledger = createEventStoreLedger({ url, backoff: { first: 10, max: 50 } })
  await append(ledger, events.slice(0, 10))
  const engine = world.start(ledger)
  let failure: unknown
  engine.finished.catch((error: unknown) => {
    failure = error
  })
  await projected(world.pool, await ledger.head())

  await before.stop()
  // Reads are given up within a second, and the pulse comes once in one.
  await sleep(4_000)
  expect([engine.state, failure]).toEqual(['running', undefined])

  const after = await startSimulator({ log, port })
  await expect.poll(() => ledger.ping().then(() => 'up', String), { timeout: 15_000 }).toBe('up')
  await append(ledger, events.slice(10))
  await projected(world.pool, await ledger.head())
  const { rows } = await world.pool.query('SELECT sum(events)::int AS events FROM read.checkpoints')
  expect(rows).toEqual([{ events: events.length }])
  expect(engine.state).toBe('running')
  await engine.stop()
  await ledger.close()
  await after.stop()
})
