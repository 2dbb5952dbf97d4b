/**
 * The mailboxes of this process: two lanes for each conversation, kept for as long as there is room. Never two of one conversation at
 * once: they would be each other's conflicts.
 *
 *   made ──▶ unknown ──conversation exists──▶ known
 *               └──────────── no room ──────────┴──▶ forgotten; at work: reachable until it is done
 *
 * A client may name any id. Those of no conversation have little room of their own, so that they push out no conversation
 * that people are talking in: 10,000 of them, sent in five seconds, made a node load all of its conversations anew.
 */
import { LRUCache } from 'lru-cache'
import type { ConversationId } from '../../domain/ids.ts'
import type { CommandHandlerDeps } from './contract.ts'
import { type ConversationLane, createConversationLane } from './conversation-lane.ts'
import { createDeliveryLane, type DeliveryLane } from './delivery-lane.ts'
import type { Lane } from './lane.ts'
import { createStreamReads } from './stream-reads.ts'

export interface Mailbox {
  readonly conversation: ConversationLane
  readonly delivery: DeliveryLane
}

export interface Mailboxes {
  mailbox(conversationId: ConversationId): Mailbox
  /** Nothing where it is not in memory; does not count as use. */
  mailboxInMemory(conversationId: ConversationId): Mailbox | undefined
  /** What other processes appended to any of them may not have been told. */
  outdate(): void
}

interface Kept extends Mailbox {
  /** What was asked of either lane and has no answer yet. */
  underWay: number
}

export interface Room {
  /** Up to about 35 KB for a pair with its recent messages, 300 KB for a full group. */
  readonly known: number
  readonly unknown: number
}

const ROOM: Room = { known: 10_000, unknown: 500 }

export function createMailboxes(
  deps: CommandHandlerDeps,
  room = ROOM,
  reads = createStreamReads(),
): Mailboxes {
  const known = new LRUCache<ConversationId, Kept>({ max: room.known, dispose: pushedOut })
  const unknown = new LRUCache<ConversationId, Kept>({ max: room.unknown, dispose: pushedOut })
  /** No more than are at work: of those that are being loaded, as many as may wait for it. */
  const pushedOutAtWork = new Map<ConversationId, Kept>()

  function pushedOut(kept: Kept, conversationId: ConversationId, reason: LRUCache.DisposeReason): void {
    if (reason === 'evict' && kept.underWay > 0) pushedOutAtWork.set(conversationId, kept)
  }

  function make(conversationId: ConversationId): Kept {
    const conversation = createConversationLane(deps, conversationId, reads)
    const delivery = createDeliveryLane(deps, conversationId, conversation, reads)
    const exists = () => conversation.durable?.kind !== undefined

    function ended(): void {
      kept.underWay--
      if (!known.has(conversationId) && exists()) {
        unknown.delete(conversationId)
        pushedOutAtWork.delete(conversationId)
        known.set(conversationId, kept)
      } else if (kept.underWay === 0) pushedOutAtWork.delete(conversationId)
    }

    function counted<State, Command, Result>(
      lane: Lane<State, Command, Result>,
    ): Lane<State, Command, Result> {
      const count = <T>(work: Promise<T>): Promise<T> => {
        kept.underWay++
        work.then(ended, ended)
        return work
      }
      return {
        submit: (command) => count(lane.submit(command)),
        current: (fresh) => count(lane.current(fresh)),
        get durable() {
          return lane.durable
        },
        outdate: lane.outdate,
        settled: lane.settled,
      }
    }

    const kept: Kept = { conversation: counted(conversation), delivery: counted(delivery), underWay: 0 }
    unknown.set(conversationId, kept)
    return kept
  }

  return {
    mailbox: (conversationId) =>
      known.get(conversationId) ??
      unknown.get(conversationId) ??
      pushedOutAtWork.get(conversationId) ??
      make(conversationId),
    mailboxInMemory: (conversationId) =>
      known.peek(conversationId) ?? unknown.peek(conversationId) ?? pushedOutAtWork.get(conversationId),
    outdate: () => {
      for (const kept of [known, unknown, pushedOutAtWork])
        for (const { conversation } of kept.values()) conversation.outdate()
    },
  }
}
