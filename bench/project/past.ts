/** A past of real shape: pairs that talk, receipts as ranges, every event encoded and chained as the mailbox does it. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { SealedBody } from '../../domain/body.ts'
import type { DomainEvent } from '../../domain/events.ts'
import type { ConversationId, DeviceId, MessageId, Millis, Seq, UserId } from '../../domain/ids.ts'
import { encode } from '../../ledger/codec/encode.ts'
import { chain, GENESIS_HASH } from '../../ledger/hash-chain.ts'
import { type Ledger, NO_STREAM, type Revision, type StreamName } from '../../ledger/ledger.ts'
import { conversationStream, deliveryStream } from '../../ledger/streams.ts'

const NODE = 'bench-1-000000'
const DEVICE = 'phone' as DeviceId
/** Messages that one receipt covers, in turns: most cover one, some what came while somebody was away. */
const RANGES = [1, 1, 2, 1, 5]
/** Streams appended to at the same time, so that the group commit has something to gather. */
export const WRITERS = 64
const EVENTS_AN_APPEND = 60
/** What sealing makes of a text of 100 bytes. */
const SEALED = randomBytes(150).toString('base64')

/** One writes, the other acknowledges. */
export interface Talk {
  readonly conversationId: ConversationId
  readonly pair: readonly [UserId, UserId]
  readonly messages: number
  readonly seal: (messageId: MessageId) => Required<SealedBody>
}

interface Tail {
  readonly stream: StreamName
  revision: Revision
  hash: string
  waiting: DomainEvent<Required<SealedBody>>[]
}

/** Appends about so many events, each conversation with `messages` messages. Answers how many it were. */
export async function writePast(
  ledger: Ledger,
  events: number,
  messages: number,
  onProgress: (written: number) => void,
): Promise<number> {
  let written = 0
  async function writer(): Promise<void> {
    while (written < events) {
      await writeConversation(ledger, { ...strangers(), messages }, (count) => {
        written += count
      })
      onProgress(written)
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, writer))
  return written
}

/** Nobody else talks to them, and what they say nobody can open. */
function strangers(): Omit<Talk, 'messages'> {
  const conversationId = randomUUID() as string as ConversationId
  const name = conversationId.slice(0, 8)
  return {
    conversationId,
    pair: [`ann.${name}` as UserId, `ben.${name}` as UserId],
    seal: () => ({ hash: randomBytes(32).toString('hex'), bytes: SEALED }),
  }
}

export async function writeConversation(
  ledger: Ledger,
  { conversationId, pair: [ann, ben], messages, seal }: Talk,
  wrote: (count: number) => void,
): Promise<void> {
  const tail = (stream: StreamName): Tail => ({
    stream,
    revision: NO_STREAM,
    hash: GENESIS_HASH,
    waiting: [],
  })
  const conversation = tail(conversationStream(conversationId))
  const delivery = tail(deliveryStream(conversationId))
  let at = 1_767_225_600_000

  async function flush(stream: Tail): Promise<void> {
    if (stream.waiting.length === 0) return
    const { revision: expected, waiting } = stream
    stream.waiting = []
    const chained = waiting.map((event) => {
      const actorId = event.type === 'MessageSent' ? event.senderId : ben
      const envelope = { commandId: randomUUID(), actorId, actorKind: 'user', deviceId: DEVICE } as const
      stream.revision = (stream.revision + 1) as Revision
      const link = chain(
        stream.stream,
        stream.revision,
        stream.hash,
        encode(event, stream.stream, envelope, 0, NODE, 'body' in event ? event.body : undefined),
      )
      stream.hash = link.hash
      return link.event
    })
    const outcome = await ledger.append(stream.stream, chained, expected)
    if (outcome.kind !== 'written') throw new Error(`a past could not be written: ${outcome.kind}`)
    wrote(chained.length)
  }

  conversation.waiting.push({
    type: 'ConversationStarted',
    conversationId,
    at: at as Millis,
    kind: 'direct',
    members: [
      { userId: ann, role: 'member' },
      { userId: ben, role: 'member' },
    ],
    by: ann,
  })
  let [acknowledged, range] = [0, 0]
  for (let seq = 1; seq <= messages; seq++) {
    at += 1000
    const messageId = randomBytes(32).toString('hex') as MessageId
    conversation.waiting.push({
      type: 'MessageSent',
      at: at as Millis,
      body: seal(messageId),
      clientAt: at as Millis,
      conversationId,
      deviceId: DEVICE,
      messageId,
      nonce: 'n0nce-n0nce-n0nce',
      senderId: ann,
      seq: seq as Seq,
    })
    if (seq - acknowledged >= (RANGES[range % RANGES.length] ?? 1) || seq === messages) {
      const fact = {
        at: (at + 100) as Millis,
        conversationId,
        deviceId: DEVICE,
        fromSeq: (acknowledged + 1) as Seq,
        toSeq: seq as Seq,
        userId: ben,
      }
      delivery.waiting.push({ type: 'MessageDelivered', ...fact }, { type: 'MessageRead', ...fact })
      acknowledged = seq
      range++
    }
    // A receipt stands behind its message in the ledger.
    if (conversation.waiting.length < EVENTS_AN_APPEND && seq < messages) continue
    await flush(conversation)
    await flush(delivery)
  }
}
