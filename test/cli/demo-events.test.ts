/** `triptick events`: a message's life out of the ledger, without its words. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { conversationEvents, type RecordedFact } from '../../cli/events/conversation-events.ts'
import { jsonOf, tableHead, tableRow } from '../../cli/events/event-table.ts'
import { openCommandLedger } from '../../cli/system/command-ledger.ts'
import type { System } from '../../cli/system/system.ts'
import { connect } from '../../client/connection.ts'
import { createHttpClient } from '../../client/http.ts'
import { compose } from '../../client/message-id.ts'
import { canonicalJson } from '../../domain/canonical-json.ts'
import type { ConversationId, DeviceId, MessageId, Seq } from '../../domain/ids.ts'
import { UndecodableEvent } from '../../ledger/codec/decode.ts'
import type { RecordedEvent } from '../../ledger/ledger.ts'
import { ANN, BOB, someTalk } from '../projections/support/talk.ts'
import { createMemoryLedger } from '../support/memory-ledger.ts'
import { conversationNumber, createPast } from '../support/recorded-events.ts'
import { startPlayedSystem } from './played-system.ts'

const PHONE = 'phone' as DeviceId
const SECRET_WORDS = 'meet me at the lighthouse'

let system: System
let conversationId: ConversationId
const messageIds: MessageId[] = []

beforeAll(async () => {
  // Nobody is tried meanwhile: on a busy machine an attempt would stand among the events.
  system = await startPlayedSystem(600_000)
  const http = createHttpClient({ url: system.url, token: await system.tokenFor('ada') })
  conversationId = (await http.startGroup(['ben'], 'Two')).conversationId
  const [ada, ben] = await Promise.all(
    ['ada', 'ben'].map(async (userId) => connect({ url: system.url, token: await system.tokenFor(userId) })),
  )
  if (!ada || !ben) throw new Error('unreachable')
  for (let count = 0; count < 3; count++) {
    const message = compose(ada, conversationId, { kind: 'text', text: SECRET_WORDS })
    const { seq } = await ada.send(message)
    messageIds.push(message.messageId)
    if (count === 0) await ben.delivered(conversationId, seq)
    if (count === 2) await ben.read(conversationId, seq)
  }
  await Promise.all([ada.close(), ben.close()])
})
afterAll(() => system.stop())

async function facts(message?: string): Promise<RecordedFact[]> {
  const { ledger, close } = await openCommandLedger(system.config)
  try {
    const found: RecordedFact[] = []
    for await (const fact of conversationEvents(ledger, conversationId, message)) found.push(fact)
    return found
  } finally {
    await close()
  }
}

const typesOf = (found: readonly RecordedFact[]) => found.map(({ recorded }) => recorded.type)

test('both streams of a conversation come in the order of the ledger', async () => {
  const found = await facts()
  expect(typesOf(found)).toEqual([
    'ConversationStarted',
    'MessageSent',
    'MessageDelivered',
    'MessageSent',
    'MessageSent',
    'MessageDelivered',
    'MessageRead',
  ])
  const positions = found.map(({ recorded }) => Number(recorded.position))
  expect(positions).toEqual([...positions].sort((a, b) => a - b))
})

test('a message has the receipts whose range holds it, and only those', async () => {
  expect(typesOf(await facts(messageIds[0]))).toEqual(['MessageSent', 'MessageDelivered', 'MessageRead'])
  const second = await facts(messageIds[1]?.slice(0, 8))
  expect(typesOf(second)).toEqual(['MessageSent', 'MessageDelivered', 'MessageRead'])
  expect(second[1]?.event).toMatchObject({ fromSeq: 2, toSeq: 3 })
  expect(await facts('0'.repeat(64))).toEqual([])
})

test('of what its sender acknowledged or was tried for no message is told, whatever a range spans', async () => {
  const past = createPast()
  const id = conversationNumber(0)
  past.converse(id, { type: 'start', kind: 'direct', by: ANN, members: [BOB] })
  for (const sender of [ANN, BOB, ANN]) past.say(id, sender, PHONE)
  const range = { fromSeq: 1 as Seq, toSeq: 3 as Seq }
  for (const userId of [ANN, BOB]) {
    past.deliver(id, { type: 'record-attempt', userId, ...range, channel: 'socket', outcome: 'offline' })
    past.deliver(id, { type: 'record-exhausted', userId, toSeq: range.toSeq })
    past.deliver(id, { type: 'acknowledge', kind: 'read', userId, deviceId: PHONE, upTo: range.toSeq })
  }
  const ledger = createMemoryLedger(past.events)
  const ids = past.events.flatMap(({ type, data }) =>
    type === 'MessageSent' ? [(data as { messageId: string }).messageId] : [],
  )
  for (const [index, recipient] of [BOB, ANN, BOB].entries()) {
    const rows: string[] = []
    for await (const fact of conversationEvents(ledger, id, ids[index])) {
      const { event, recorded } = fact
      if ('userId' in event) rows.push(`${recorded.type} ${event.userId}`)
      if (recorded.type === 'DeliveryAttempted') expect(tableRow(fact)).toMatch(/ #1–3 .* offline → \w+$/)
    }
    expect(rows).toEqual(
      ['DeliveryAttempted', 'DeliveryExhausted', 'MessageDelivered', 'MessageRead'].map(
        (type) => `${type} ${recipient}`,
      ),
    )
  }
})

test('neither table nor JSON shows what was said, sealed or not', async () => {
  const found = await facts()
  const shown = [
    tableHead(),
    ...found.map(tableRow),
    ...found.map((fact) => JSON.stringify(jsonOf(fact))),
  ].join('\n')
  expect(shown).not.toContain(SECRET_WORDS)
  for (const { event } of found) {
    if (event instanceof UndecodableEvent) throw event
    if (event.type === 'MessageSent') expect(shown).not.toContain(event.body.bytes)
  }
  expect(shown).toMatch(/MessageSent +#1 \d+ B .* [0-9a-f]{8} ada · default$/m)
  expect(jsonOf(found[1] as RecordedFact)).toMatchObject({
    type: 'MessageSent',
    data: { seq: 1, bodyBytes: expect.any(Number) },
  })
})

test('whoever has the JSON can recompute each hash, as docs/events.md says', async () => {
  const found = await facts()
  expect(found).toHaveLength(7)
  for (const fact of found) {
    const { position, at, ...event } = JSON.parse(JSON.stringify(jsonOf(fact)))
    const { bodyBytes, ...data } = event.data
    const { hash, ...metadata } = event.metadata
    const text = metadata.prevHash + canonicalJson({ ...event, data, metadata })
    expect(createHash('sha256').update(text).digest('hex')).toBe(hash)
  }
})

test('an event that cannot be understood is listed with the reason, and what comes after it too', async () => {
  const events = [...someTalk({ conversations: 1, turns: 2 })]
  const [started, sent, ...others] = events as [RecordedEvent, RecordedEvent, ...RecordedEvent[]]
  const metadata = { ...sent.metadata, recordedAt: 'never' }
  const ledger = createMemoryLedger([started, { ...sent, type: 'MessageSung', metadata }, ...others])
  const found: RecordedFact[] = []
  for await (const fact of conversationEvents(ledger, conversationNumber(0))) found.push(fact)
  expect(typesOf(found)).toEqual(['ConversationStarted', 'MessageSung', ...others.map(({ type }) => type)])
  const shown = found.map(tableRow)
  expect(shown[1]).toMatch(
    /^ +2 conversation +1 MessageSung +unknown-ty… +[0-9a-f]{8} MessageSung at .*: unknown type$/,
  )
  expect(jsonOf(found[1] as RecordedFact)).toMatchObject({
    position: '2',
    revision: 1,
    type: 'MessageSung',
    undecodable: 'unknown-type',
    metadata: { hash: sent.metadata.hash },
  })
  expect(jsonOf(found[1] as RecordedFact)).not.toHaveProperty('data')
})
