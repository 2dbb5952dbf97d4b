/** The simulator through the plain client: where it has to behave as the server does, for the adapter's tests to mean anything. */

import { randomUUID } from 'node:crypto'
import {
  ANY,
  BACKWARDS,
  END,
  EventStoreDBClient,
  excludeSystemEvents,
  jsonEvent,
  NO_STREAM,
  STREAM_EXISTS,
  StreamDeletedError,
  StreamNotFoundError,
  streamNameFilter,
  WrongExpectedVersionError,
} from '@eventstore/db-client'
import { expect, onTestFinished, test } from 'vitest'
import { collect } from '../contract/kit.ts'
import { simulate } from './kit.ts'

const anEvent = (id: string = randomUUID()) => jsonEvent({ id, type: 'Counted', data: { n: 1 } })

async function connect() {
  const simulator = await simulate()
  const client = EventStoreDBClient.connectionString(simulator.url)
  onTestFinished(() => client.dispose())
  return { simulator, client }
}

test('a reply carries the position of the last event, the same that $all gives it', async () => {
  const { client } = await connect()
  const { position } = await client.appendToStream('a', [anEvent(), anEvent()], {
    expectedRevision: NO_STREAM,
  })
  const [last] = await collect(client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1 }))
  expect(position).toEqual(last?.event?.position)
  expect(position?.commit).toBe(position?.prepare)
})

test('a wrong expected version says what was expected and what is there', async () => {
  const { client } = await connect()
  await client.appendToStream('a', [anEvent(), anEvent()], { expectedRevision: NO_STREAM })
  const wrong = client.appendToStream('a', anEvent(), { expectedRevision: 7n })
  await expect(wrong).rejects.toThrow(WrongExpectedVersionError)
  await expect(wrong).rejects.toMatchObject({ streamName: 'a', expectedVersion: 7n, actualVersion: 1n })
  const missing = client.appendToStream('b', anEvent(), { expectedRevision: 0n })
  await expect(missing).rejects.toMatchObject({ actualVersion: 'no_stream' })
  await expect(client.appendToStream('b', anEvent(), { expectedRevision: STREAM_EXISTS })).rejects.toThrow()
  await expect(client.appendToStream('b', anEvent(), { expectedRevision: ANY })).resolves.toMatchObject({
    success: true,
  })
})

test('credentials for one call select the classic append, which answers alike', async () => {
  const { simulator, client } = await connect()
  const credentials = { username: 'admin', password: 'changeit' }
  const options = { expectedRevision: NO_STREAM, credentials } as const
  expect(await client.appendToStream('a', anEvent(), options)).toMatchObject({ nextExpectedRevision: 0n })
  await expect(client.appendToStream('a', anEvent(), options)).rejects.toMatchObject({ actualVersion: 0n })
  expect(simulator.calls).toMatchObject({ classicAppend: 2, batchAppend: 0 })
})

test('a stream that is not there is not found, and one with a tombstone is deleted', async () => {
  const { client } = await connect()
  await expect(collect(client.readStream('a'))).rejects.toThrow(StreamNotFoundError)
  await client.appendToStream('a', anEvent(), { expectedRevision: NO_STREAM })
  await client.tombstoneStream('a', { expectedRevision: 0n })
  await expect(collect(client.readStream('a'))).rejects.toThrow(StreamDeletedError)
  await expect(client.appendToStream('a', anEvent())).rejects.toThrow(StreamDeletedError)
})

test('reading $all forwards a position is inclusive, backwards exclusive', async () => {
  const { simulator, client } = await connect()
  const ids = [randomUUID(), randomUUID(), randomUUID()]
  await client.appendToStream('a', ids.map(anEvent), { expectedRevision: NO_STREAM })
  const position = BigInt(simulator.log.stream('a')[1]?.position ?? 0)
  const fromPosition = { commit: position, prepare: position }
  const forwards = await collect(client.readAll({ fromPosition }))
  expect(forwards.map(({ event }) => event?.id)).toEqual(ids.slice(1))
  const [before] = await collect(client.readAll({ fromPosition, direction: BACKWARDS, maxCount: 1 }))
  expect(before?.event?.id).toBe(ids[0])
})

test('checkpoints come by events considered, ahead of a consumer, also where nothing matches', async () => {
  const { client } = await connect()
  for (let n = 0; n < 4; n++) {
    const events = Array.from({ length: 100 }, () => anEvent())
    await client.appendToStream(`a-${n}`, events, { expectedRevision: NO_STREAM })
  }
  const checkpoints: bigint[] = []
  const filter = streamNameFilter({
    prefixes: ['none-'],
    maxSearchWindow: 50,
    checkpointReached: (_, { commit }) => void checkpoints.push(commit),
  })
  const subscription = client.subscribeToAll({ filter })
  subscription.on('error', () => {})
  await new Promise<void>((resolve) => subscription.on('caughtUp', () => resolve()))
  await subscription.unsubscribe()
  // 400 events in windows of 50, and one more on going live.
  expect(checkpoints).toHaveLength(9)
})

test('a filter by event type leaves out what the database writes for itself', async () => {
  const { client } = await connect()
  await client.appendToStream('a', anEvent(), { expectedRevision: NO_STREAM })
  const types: string[] = []
  const subscription = client.subscribeToAll({ filter: excludeSystemEvents() })
  for await (const { event } of subscription) {
    types.push(event?.type ?? '')
    break
  }
  await subscription.unsubscribe()
  expect(types).toEqual(['Counted'])
})
