/**
 * The lane of `conversation-<id>`: sends, deletions, membership and retention; seals bodies on their way into the ledger, or
 * beside it.
 */
import type { Body, SealedBody } from '../../domain/body.ts'
import type { ConversationCommand, ConversationResult } from '../../domain/conversation/commands.ts'
import { decideConversation } from '../../domain/conversation/decide.ts'
import {
  CONVERSATION_STATE_VERSION,
  type ConversationState,
  draftConversation,
  evolveConversation,
  initialConversation,
} from '../../domain/conversation/state.ts'
import type { ConversationEvent } from '../../domain/events.ts'
import type { ConversationId, MessageId, Seq } from '../../domain/ids.ts'
import type { Temporary } from '../../domain/retention.ts'
import { hasSeq } from '../../domain/seq-ranges.ts'
import { type EncodedEvent, encode } from '../codec/encode.ts'
import type { EventToAppend } from '../ledger.ts'
import { seal } from '../sealing/seal.ts'
import { conversationStream } from '../streams.ts'
import type { TemporaryBody } from '../temporary-bodies.ts'
import type { Addressed, CommandHandlerDeps } from './contract.ts'
import { createLane, type Lane } from './lane.ts'
import type { StreamReads } from './stream-reads.ts'

export type ConversationLane = Lane<ConversationState, Addressed<ConversationCommand>, ConversationResult>

export function createConversationLane(
  deps: CommandHandlerDeps,
  conversationId: ConversationId,
  reads: StreamReads,
): ConversationLane {
  const { contentKeys, temporaryBodies, node } = deps
  const stream = conversationStream(conversationId)

  function encodeSealed(
    event: ConversationEvent<Body>,
    command: Addressed<ConversationCommand>,
    index: number,
  ): EncodedEvent | Promise<EncodedEvent> {
    if (event.type !== 'MessageSent') return encode(event, stream, command.envelope, index, node)
    const encodeWith = (body: SealedBody) => encode(event, stream, command.envelope, index, node, body)
    const sealedWith = (key: Buffer): EncodedEvent | Promise<EncodedEvent> => {
      const body = seal(key, event.messageId, event.body)
      return event.temporary ? besideLedger({ ...event, temporary: event.temporary, body }) : encodeWith(body)
    }
    /** The body is durable before its message is, so that no message is acknowledged without it. */
    const besideLedger = async (sent: TemporaryBody): Promise<EncodedEvent> => {
      await temporaryBodies.keep(sent)
      return encodeWith({ hash: sent.body.hash })
    }
    const key = contentKeys.cached(conversationId, event.senderId)
    return key ? sealedWith(key) : contentKeys.ensure(conversationId, event.senderId).then(sealedWith)
  }

  /** At once; what is missed here (a crash, a broken connection) the retention worker finds. */
  function destroyDeleted(events: readonly ConversationEvent<Body>[], before: ConversationState): void {
    const sentNow = new Set<Seq>()
    for (const event of events) {
      if (event.type === 'MessageSent' && event.temporary) sentNow.add(event.seq)
      if (event.type !== 'MessageDeleted') continue
      if (!hasSeq(before.temporary, event.seq) && !sentNow.has(event.seq)) continue
      temporaryBodies.destroy(conversationId, event.messageId).catch(deps.report)
    }
  }

  /** Likewise. */
  function takeBack(events: readonly EventToAppend[]): void {
    const sealings = events.flatMap(({ type, data }) => {
      if (type !== 'MessageSent') return []
      const { messageId, bodyHash, temporary } = JSON.parse(data) as {
        readonly messageId: MessageId
        readonly bodyHash: string
        readonly temporary?: Temporary
      }
      return temporary === undefined ? [] : [{ messageId, hash: bodyHash }]
    })
    if (sealings.length > 0) temporaryBodies.takeBack(conversationId, sealings).catch(deps.report)
  }

  return createLane({
    ledger: deps.ledger,
    snapshots: deps.snapshots,
    reads,
    stream,
    fold: {
      stateVersion: CONVERSATION_STATE_VERSION,
      initial: () => initialConversation(conversationId),
      draft: draftConversation,
      evolve: (state: ConversationState, event: ConversationEvent) => evolveConversation(state, event),
    },
    prepare: async () => decideConversation,
    merge: (commands) => commands.map((_, index) => [index]),
    weigh,
    encode: encodeSealed,
    committed: (events, before, after) => {
      destroyDeleted(events, before.state)
      deps.onCommitted?.({
        conversationId,
        events,
        revision: after.revision,
        position: after.position,
        before: before.state,
        after: after.state,
        previousPosition: before.position,
      })
    },
    discarded: takeBack,
    report: deps.report,
  })
}

/** Bytes of envelope and ids of one event, generously. */
const EVENT_BYTES = 1200
/** UTF-8 of one UTF-16 unit (at most 3 bytes), in base64. */
const SEALED_BYTES_PER_UNIT = 4.2

function weigh(command: ConversationCommand): number {
  switch (command.type) {
    case 'send':
      return EVENT_BYTES + JSON.stringify(command.body).length * SEALED_BYTES_PER_UNIT
    case 'add-members':
      return command.userIds.length * EVENT_BYTES
    case 'start':
      return 2 * EVENT_BYTES + command.members.length * 180
    case 'expire':
      return command.messages.length * EVENT_BYTES
    case 'rename':
      return EVENT_BYTES + (command.title ?? '').length * 3
    case 'remove-member':
      // The last admin's leaving is two events.
      return 2 * EVENT_BYTES
    case 'delete':
    case 'change-retention':
    case 'change-role':
      return EVENT_BYTES
    default:
      return command satisfies never
  }
}
