/** Recorded events as a ledger would hand them out, made by the real deciders and the real codec. Stores and reads nothing. */
import { createHash } from 'node:crypto'
import type { Body, SealedBody } from '../../domain/body.ts'
import type { ConversationCommand, LookUp } from '../../domain/conversation/commands.ts'
import { decideConversation } from '../../domain/conversation/decide.ts'
import type { KnownMessage } from '../../domain/conversation/recent-messages.ts'
import {
  type ConversationState,
  evolveConversation,
  initialConversation,
} from '../../domain/conversation/state.ts'
import { needsMessage } from '../../domain/decision.ts'
import type { DeliveryCommand } from '../../domain/delivery/commands.ts'
import { decideDelivery } from '../../domain/delivery/decide.ts'
import { type DeliveryState, evolveDelivery, initialDelivery } from '../../domain/delivery/state.ts'
import type { LedgerEvent } from '../../domain/events.ts'
import type { ConversationId, DeviceId, MessageId, Millis, UserId } from '../../domain/ids.ts'
import type { UserCommand } from '../../domain/user/commands.ts'
import { decideUser } from '../../domain/user/decide.ts'
import { evolveUser, initialUser, type UserState } from '../../domain/user/state.ts'
import { encode } from '../../ledger/codec/encode.ts'
import { chain, GENESIS_HASH } from '../../ledger/hash-chain.ts'
import type { Position, RecordedEvent, Revision, StreamName } from '../../ledger/ledger.ts'
import { streamOf } from '../../ledger/streams.ts'

/** A conversation id that looks like one of ours: the n-th of a test. */
export const conversationNumber = (n: number): ConversationId =>
  `0190a000-0000-7000-8000-${createHash('sha256').update(String(n)).digest('hex').slice(0, 12)}` as ConversationId

/** Distributes over the members of a union. */
type Timeless<C> = C extends unknown ? Omit<C, 'at'> : never

export interface Past {
  /** Everything so far, in ledger order. */
  readonly events: readonly RecordedEvent[]
  /** Decides a command; returns what it appended: nothing where the decider did not accept. */
  converse(conversationId: ConversationId, command: Timeless<ConversationCommand>): readonly RecordedEvent[]
  deliver(conversationId: ConversationId, command: Timeless<DeliveryCommand>): readonly RecordedEvent[]
  /** Something about a person. */
  attend(userId: UserId, command: Timeless<UserCommand>): readonly RecordedEvent[]
  /** The connection of a device, while it has one. */
  connectionOf(userId: UserId, deviceId: DeviceId): string | undefined
  /** A message with content of its own. */
  say(conversationId: ConversationId, by: UserId, deviceId: DeviceId, text?: string): readonly RecordedEvent[]
  /** The state of a conversation, and of its delivery. */
  conversation(conversationId: ConversationId): ConversationState
  delivery(conversationId: ConversationId): DeliveryState
  /** All messages of a conversation, oldest first. */
  messages(conversationId: ConversationId): readonly KnownMessage[]
  /** An event of a stream that no read model is made of. */
  elsewhere(): RecordedEvent
}

export interface PastOptions {
  /** Distance between two positions; 1 as in Postgres, or more as in EventStoreDB. */
  readonly step?: number
  readonly startAt?: number
}

interface Known {
  readonly conversation: ConversationState
  readonly delivery: DeliveryState
  readonly messages: KnownMessage[]
}

export function createPast({ step = 1, startAt = 1_700_000_000_000 }: PastOptions = {}): Past {
  const events: RecordedEvent[] = []
  const known = new Map<ConversationId, Known>()
  const users = new Map<UserId, UserState>()
  const revisions = new Map<StreamName, number>()
  let commands = 0

  const of = (conversationId: ConversationId): Known => {
    const one = known.get(conversationId) ?? {
      conversation: initialConversation(conversationId),
      delivery: initialDelivery(conversationId),
      messages: [],
    }
    known.set(conversationId, one)
    return one
  }

  function record(decided: readonly LedgerEvent<Body>[]): readonly RecordedEvent[] {
    const commandId = `command-${commands}`
    const recorded = decided.map((event, index) => recordOne(sealed(event), commandId, index))
    events.push(...recorded)
    return recorded
  }

  function recordOne(event: LedgerEvent, commandId: string, index: number): RecordedEvent {
    const stream = streamOf(event)
    const envelope = { commandId, actorId: 'system', actorKind: 'system' } as const
    const { revision, position } = next(stream, index)
    const encoded = encode(event, stream, envelope, index, 'test', 'body' in event ? event.body : undefined)
    const { id, type, data, metadata } = chain(stream, revision, GENESIS_HASH, encoded).event
    return { stream, revision, position, id, type, data: JSON.parse(data), metadata: JSON.parse(metadata) }
  }

  function next(stream: StreamName, index: number): { revision: Revision; position: Position } {
    const revision = (revisions.get(stream) ?? -1) + 1
    revisions.set(stream, revision)
    return {
      revision: revision as Revision,
      position: BigInt((events.length + index + 1) * step) as Position,
    }
  }

  const now = (): Millis => (startAt + commands * 10) as Millis

  const past: Past = {
    events,
    converse(conversationId, command) {
      commands++
      const { conversation, messages } = of(conversationId)
      const decided = decideConversation(
        {
          ...command,
          at: now(),
          ...('messageId' in command ? { lookUp: lookUp(conversation, messages, command.messageId) } : {}),
        } as ConversationCommand,
        conversation,
      )
      if (decided.kind !== 'accepted') return []
      for (const event of decided.events) {
        evolveConversation(conversation, event)
        if (event.type === 'MessageSent') {
          const { seq, messageId, senderId, deviceId, at } = event
          messages.push({ seq, messageId, senderId, deviceId, at })
        }
        if (event.type === 'MessageDeleted') {
          const index = messages.findIndex(({ seq }) => seq === event.seq)
          messages[index] = { ...(messages[index] as KnownMessage), deletedAt: event.at }
        }
      }
      return record(decided.events)
    },
    deliver(conversationId, command) {
      commands++
      const { conversation, delivery } = of(conversationId)
      const decided = decideDelivery({ ...command, at: now() } as DeliveryCommand, delivery, conversation)
      if (decided.kind !== 'accepted') return []
      for (const event of decided.events) evolveDelivery(delivery, event)
      return record(decided.events)
    },
    attend(userId, command) {
      commands++
      const user = users.get(userId) ?? initialUser(userId)
      users.set(userId, user)
      const decided = decideUser({ ...command, at: now() } as UserCommand, user)
      if (decided.kind !== 'accepted') return []
      for (const event of decided.events) evolveUser(user, event)
      return record(decided.events)
    },
    connectionOf: (userId, deviceId) => users.get(userId)?.devices.get(deviceId)?.connection,
    say(conversationId, by, deviceId, text = 'hello') {
      const nonce = `nonce-${String(commands).padStart(16, '0')}`
      const messageId = createHash('sha256').update(`${conversationId} ${nonce}`).digest('hex') as MessageId
      const body = { kind: 'text', text } as const
      return past.converse(conversationId, {
        type: 'send',
        by,
        deviceId,
        nonce,
        messageId,
        clientAt: now(),
        body,
      })
    },
    conversation: (conversationId) => of(conversationId).conversation,
    delivery: (conversationId) => of(conversationId).delivery,
    messages: (conversationId) => of(conversationId).messages,
    elsewhere() {
      const stream = 'audit-2026-01' as StreamName
      const event = {
        stream,
        ...next(stream, 0),
        id: `elsewhere-${events.length}`,
        type: 'MessageAudited',
        data: {},
        metadata: { schemaVersion: '1', recordedAt: String(now()) },
      }
      events.push(event)
      return event
    },
  }
  return past
}

/** Stands in for sealing: read models pass sealed bytes on as they are. */
/** As a ledger that is never behind would answer. */
function lookUp(
  { lastSeq, lateDeletions }: ConversationState,
  messages: readonly KnownMessage[],
  messageId: MessageId,
): LookUp {
  const found = messages.find((one) => one.messageId === messageId) ?? null
  return { found, asked: needsMessage(lastSeq, lateDeletions.count) }
}

function sealed(event: LedgerEvent<Body>): LedgerEvent {
  if (event.type !== 'MessageSent') return event
  const bytes = Buffer.from(JSON.stringify(event.body))
  const hash = createHash('sha256').update(bytes).digest('hex')
  const body: SealedBody = event.temporary ? { hash } : { hash, bytes: bytes.toString('base64') }
  return { ...event, body }
}
