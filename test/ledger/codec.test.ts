/**
 * What is in a ledger can be read for ever. `test/fixtures/events` holds one golden file for each type and version: the
 * schema as it was, events as they were stored, and what they mean. Files are added for new versions; none is ever changed.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { LedgerEvent } from '../../domain/events.ts'
import type { DeviceId, MessageId, Millis, UserId } from '../../domain/ids.ts'
import { decode, decodeAny, UndecodableEvent } from '../../ledger/codec/decode.ts'
import { type Envelope, encode } from '../../ledger/codec/encode.ts'
import { EVENT_SCHEMAS } from '../../ledger/codec/schemas.ts'
import { upcast } from '../../ledger/codec/upcast.ts'
import { chain } from '../../ledger/hash-chain.ts'
import type { Metadata, Position, RecordedEvent } from '../../ledger/ledger.ts'
import { unseal } from '../../ledger/sealing/seal.ts'
import { streamOf } from '../../ledger/streams.ts'

const FOLDER = join(import.meta.dirname, '..', 'fixtures', 'events')

interface Golden {
  readonly schema: { readonly properties: Record<string, unknown>; readonly required: readonly string[] }
  readonly cases: readonly { readonly recorded: RecordedEvent; readonly event: LedgerEvent }[]
}

const goldenFile = (type: string, version: number) => `${type}@${version}.json`

function readGolden(name: string): Golden {
  const golden = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Golden
  const cases = golden.cases.map(({ recorded, event }) => ({
    recorded: { ...recorded, position: 1n as Position },
    event,
  }))
  return { ...golden, cases }
}

const newest = Object.entries(EVENT_SCHEMAS).map(([type, { version }]) => ({ type, version }))
const files = readdirSync(FOLDER)
const everyCase = files.flatMap((name) =>
  readGolden(name).cases.map((one, index) => ({ name: `${name} #${index + 1}`, ...one })),
)
const newestCases = newest.flatMap(({ type, version }) =>
  files.includes(goldenFile(type, version)) ? readGolden(goldenFile(type, version)).cases : [],
)

const sent = readGolden('MessageSent@1.json').cases[0]?.recorded as RecordedEvent

test('each version of each type has a golden file, and no golden file is without one', () => {
  const expected = newest.flatMap(({ type, version }) =>
    Array.from({ length: version }, (_, index) => goldenFile(type, index + 1)),
  )
  expect([...files].sort()).toEqual(expected.sort())
})

test.each(everyCase)('$name still means what it meant', ({ name, recorded, event }) => {
  expect(decodeAny(recorded)).toEqual(event)
  expect(name.startsWith(goldenFile(recorded.type, Number(recorded.metadata.schemaVersion)))).toBe(true)
})

test.each(newest)('the schema $type@$version has not changed: a change is a new version', (one) => {
  const { type, version } = one
  const current = z.toJSONSchema(EVENT_SCHEMAS[type as LedgerEvent['type']].data, {
    io: 'input',
    // What is said of a field decides nothing about what is read.
    override: ({ jsonSchema }) => delete jsonSchema.description,
  })
  expect({ $schema: current.$schema, ...readGolden(goldenFile(type, version)).schema }).toEqual(current)
})

test.each(newest)(
  'the golden file of $type@$version shows every field, and optional ones absent too',
  (one) => {
    const { schema, cases } = readGolden(goldenFile(one.type, one.version))
    const shown = cases.map(({ recorded }) => Object.keys(recorded.data as object))
    expect(new Set(shown.flat())).toEqual(new Set(Object.keys(schema.properties)))
    const inAll = Object.keys(schema.properties).filter((field) =>
      shown.every((fields) => fields.includes(field)),
    )
    expect(inAll.sort()).toEqual([...schema.required].sort())
  },
)

test.each(newestCases)(
  '$event.type of $recorded.stream@$recorded.revision is stored as ever, in its chain',
  (one) => {
    const { recorded, event } = one
    const { id, type, data, metadata, revision, stream } = recorded
    const encoded = encode(
      event,
      streamOf(event),
      envelopeOf(metadata),
      0,
      metadata.node ?? '',
      'body' in event ? event.body : undefined,
    )
    const { event: stored } = chain(stream, revision, metadata.prevHash ?? '', encoded)
    const { data: storedData, metadata: storedMetadata, ...named } = stored
    expect(named).toEqual({ id, type })
    expect(JSON.parse(storedData)).toEqual(data)
    expect(JSON.parse(storedMetadata)).toEqual(metadata)
    expect(streamOf(event)).toBe(stream)
  },
)

function envelopeOf(metadata: Metadata): Envelope {
  const { commandId, actorId, actorKind, deviceId, occurredAt, $correlationId } = metadata
  return {
    commandId: commandId as string,
    actorId: actorId as UserId,
    actorKind: actorKind as Envelope['actorKind'],
    correlationId: $correlationId as string,
    ...(deviceId === undefined ? {} : { deviceId: deviceId as DeviceId }),
    ...(occurredAt === undefined ? {} : { occurredAt: Number(occurredAt) as Millis }),
  }
}

test('a body that was once sealed can be opened for ever', () => {
  const { messageId, body } = sent.data as { messageId: MessageId; body: string }
  const key = Buffer.alloc(32, 7)
  expect(unseal(key, messageId, Buffer.from(body, 'base64'))).toEqual({
    kind: 'text',
    text: 'Eight o’clock at the Lumière?',
  })
})

test('an old version is brought to the newest step by step', () => {
  const steps = {
    'MessageSent@1': (data: unknown) => ({ ...(data as object), two: true }),
    'MessageSent@2': (data: unknown) => ({
      ...(data as { two: boolean }),
      three: (data as { two: boolean }).two,
    }),
    'MessageRead@1': () => 'of another type',
  }
  const stored = { seq: 1 }
  expect(upcast('MessageSent', 1, 3, stored, steps)).toEqual({ data: { seq: 1, two: true, three: true } })
  expect(upcast('MessageSent', 2, 3, { two: false }, steps)).toEqual({ data: { two: false, three: false } })
  expect(upcast('MessageSent', 3, 3, stored, steps)).toEqual({ data: stored })
  expect(stored).toEqual({ seq: 1 })
})

test('a step that is missing, and a version from the future, are not guessed at', () => {
  expect(upcast('MessageSent', 1, 3, {}, { 'MessageSent@1': (data) => data })).toBeUndefined()
  expect(upcast('MessageSent', 4, 3, {}, {})).toBeUndefined()
})

const without = (field: string) => ({ ...sent.metadata, [field]: undefined }) as unknown as Metadata
const undecodable: readonly (readonly [UndecodableEvent['reason'], string, RecordedEvent])[] = [
  ['unknown-type', 'of a type that this program does not have', { ...sent, type: 'MessageSung' }],
  ['unknown-type', 'about a person where facts of a conversation are', { ...sent, type: 'UserSeen' }],
  ['unknown-type', 'named like something every object has', { ...sent, type: 'toString' }],
  ['unknown-version', 'of a newer program', { ...sent, metadata: { ...sent.metadata, schemaVersion: '3' } }],
  ['bad-metadata', 'without a version', { ...sent, metadata: without('schemaVersion') }],
  ['bad-metadata', 'without a time', { ...sent, metadata: without('recordedAt') }],
  ['bad-data', 'without data', { ...sent, data: undefined }],
  [
    'bad-data',
    'with a field of the wrong kind',
    { ...sent, data: { ...(sent.data as object), seq: 'sixteen' } },
  ],
]

test.each(undecodable)(
  '%s: an event %s is refused by name, without a word of its content',
  (reason, _, event) => {
    const failure = caught(() => decode(event))
    expect(failure).toBeInstanceOf(UndecodableEvent)
    expect(failure).toMatchObject({ reason })
    expect(String(failure)).toContain(`${event.stream}@${event.revision}`)
    const { body, nonce } = sent.data as { body: string; nonce: string }
    for (const secret of [body, nonce, 'sixteen']) expect(String(failure)).not.toContain(secret)
  },
)

function caught(run: () => unknown): unknown {
  try {
    run()
    return undefined
  } catch (error) {
    return error
  }
}
