/**
 * The reference: `@eventstore/db-client` and nothing else. It is given appends that were made before, and repeats them on
 * streams of other names: the same events and revisions, each stream's appends one after another, all streams at once.
 */
import {
  type EventData,
  EventStoreDBClient,
  jsonEvent,
  NO_STREAM as NO_STREAM_YET,
} from '@eventstore/db-client'
import { type EventToAppend, NO_STREAM, type Revision, type StreamName } from '../../ledger/ledger.ts'
import { measured } from './measured.ts'
import type { AppendRate } from './settings.ts'

export interface MadeAppend {
  readonly events: readonly EventToAppend[]
  readonly expected: Revision
}

/** In the order of each stream. */
export type MadeAppends = ReadonlyMap<StreamName, readonly MadeAppend[]>

/** @param round makes names of its own. */
export async function repeatAlone(url: string, made: MadeAppends, round: string): Promise<AppendRate> {
  const client = EventStoreDBClient.connectionString(url)
  // Everything that can be is made ready before the clock runs.
  const ready = [...made].map(([stream, appends]) => ({
    stream: `${round}-${stream}`,
    appends: appends.map(({ events, expected }) => ({ events: events.map(toClient), expected })),
  }))
  try {
    await client.appendToStream(`${round}-first`, jsonEvent({ type: 'Connected', data: {} }))
    return await measured(async () => {
      await Promise.all(ready.map(({ stream, appends }) => repeat(client, stream, appends)))
      const all = [...made.values()].flat()
      return { appends: all.length, events: all.reduce((sum, { events }) => sum + events.length, 0) }
    })
  } finally {
    await client.dispose()
  }
}

async function repeat(
  client: EventStoreDBClient,
  stream: string,
  appends: readonly { readonly events: EventData[]; readonly expected: Revision }[],
): Promise<void> {
  for (const { events, expected } of appends) {
    const { nextExpectedRevision } = await client.appendToStream(stream, events, {
      expectedRevision: expected === NO_STREAM ? NO_STREAM_YET : BigInt(expected),
    })
    if (Number(nextExpectedRevision) !== expected + events.length)
      throw new Error(`the client alone got revision ${nextExpectedRevision} of ${stream}`)
  }
}

const toClient = ({ id, type, data, metadata }: EventToAppend): EventData =>
  jsonEvent({ id, type, data: JSON.parse(data), metadata: JSON.parse(metadata) })

/** Every event as an append of its own: what a program does that knows no better. */
export const oneByOne = (made: MadeAppends): MadeAppends =>
  new Map(
    [...made].map(([stream, appends]) => [
      stream,
      appends.flatMap(({ events, expected }) =>
        events.map((event, index) => ({ events: [event], expected: (expected + index) as Revision })),
      ),
    ]),
  )
