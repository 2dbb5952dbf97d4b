/**
 * Mends gaps in what live sessions are sent. Frames of one conversation that come over different nodes may overtake each other:
 * the missing one gets a moment to come by itself; then it is read from the conversation's stream in the ledger, whatever
 * the read models have. What cannot be mended so (a long gap, a membership that began or ended in it, a new title) is caught
 * up with.
 */
import type { SealedBody } from '../../domain/body.ts'
import type { ConversationEvent } from '../../domain/events.ts'
import { type ConversationId, type Millis, NO_SEQ, type Seq } from '../../domain/ids.ts'
import { decode } from '../../ledger/codec/decode.ts'
import type { Ledger, Position, Revision } from '../../ledger/ledger.ts'
import { conversationStream } from '../../ledger/streams.ts'
import { type OpenBodiesDeps, openBodies } from '../messages/open-bodies.ts'
import { messageView } from '../messages/views.ts'
import { deletedFrame, expiredFrame, memberFrame, roleFrame } from './frames.ts'
import type { Delivery, Session } from './session.ts'

export interface GapsDeps extends OpenBodiesDeps {
  readonly ledger: Pick<Ledger, 'readStream'>
  readonly report: (error: unknown) => void
  readonly holdMs?: number
}

export interface Gaps {
  /** This session holds frames of this conversation. */
  noticed(session: Session, conversationId: ConversationId): void
  close(): void
}

/** A push between nodes takes a few milliseconds; a lost one shall not be felt. */
const HOLD_MS = 100
/** Facts of one conversation that are read for a gap: more is for the read models. */
const MAX_FACTS = 500

interface Fact {
  readonly event: ConversationEvent<SealedBody>
  readonly revision: Revision
  readonly position: Position
}

interface Tail {
  readonly facts: readonly Fact[]
  /** Last seq before them. */
  readonly seqBefore: Seq
}

export function createGaps(deps: GapsDeps): Gaps {
  const { ledger, report, holdMs = HOLD_MS } = deps
  let noticed: { readonly session: Session; readonly conversationId: ConversationId }[] = []
  let timer: NodeJS.Timeout | undefined

  /** One timer for all: who is noticed while it runs waits at most twice as long. */
  function look(): void {
    timer = undefined
    const byConversation = new Map<ConversationId, Session[]>()
    for (const { session, conversationId } of noticed) {
      if (!session.isMissing(conversationId)) continue
      byConversation.set(conversationId, [...(byConversation.get(conversationId) ?? []), session])
    }
    noticed = []
    for (const [conversationId, sessions] of byConversation) {
      mend(conversationId, sessions).catch((error) => {
        report(error)
        for (const session of sessions) session.fallBehind()
      })
    }
  }

  /** One reading for all sessions of this node that miss something of this conversation. */
  async function mend(conversationId: ConversationId, sessions: readonly Session[]): Promise<void> {
    const standing = sessions.map((session) => ({ session, upTo: session.sentUpTo(conversationId) }))
    const tail = await tailSince(conversationId, standing)
    const told = tail && (await withFrames(tail.facts))
    for (const { session, upTo } of standing) {
      if (!session.isMissing(conversationId)) continue
      if (!told || told.some(({ event }) => isBeyondMending(event, session))) {
        session.fallBehind()
        continue
      }
      let { seqBefore } = tail
      for (const fact of told) {
        const { event, position, json } = fact
        const isNew = position > session.position && seqBefore >= upTo
        if (isNew && json !== undefined) session.deliver(deliveryOf(fact, json, seqBefore, session))
        if (event.type === 'MessageSent') seqBefore = event.seq
      }
      if (session.isMissing(conversationId)) session.fallBehind()
    }
  }

  /** In order, back to where all of these sessions stand, and the seq before them; nothing if that is too far. */
  async function tailSince(
    conversationId: ConversationId,
    standing: readonly { readonly session: Session; readonly upTo: Seq }[],
  ): Promise<Tail | undefined> {
    const facts: Fact[] = []
    let firstSeq: Seq | undefined
    let read = 0
    const stream = conversationStream(conversationId)
    for await (const recorded of ledger.readStream(stream, { direction: 'backwards', limit: MAX_FACTS })) {
      read++
      const event = decode(recorded) as ConversationEvent<SealedBody>
      const { position, revision } = recorded
      const seq = event.type === 'MessageSent' ? event.seq : undefined
      const isKnownTo = ({ session, upTo }: (typeof standing)[number]) =>
        position <= session.position || (seq !== undefined && seq <= upTo)
      if (!standing.every(isKnownTo)) {
        facts.push({ event, revision, position })
        firstSeq = seq ?? firstSeq
        continue
      }
      const seqBefore = firstSeq === undefined ? seq : firstSeq - 1
      if (seqBefore !== undefined) return { facts: facts.reverse(), seqBefore: seqBefore as Seq }
    }
    if (read === MAX_FACTS) return undefined
    return { facts: facts.reverse(), seqBefore: firstSeq === undefined ? NO_SEQ : ((firstSeq - 1) as Seq) }
  }

  async function withFrames(facts: readonly Fact[]) {
    const deletedAt = new Map<Seq, Millis>()
    const expiredAt = new Map<Seq, Millis>()
    for (const { event } of facts) {
      if (event.type === 'MessageDeleted') deletedAt.set(event.seq, event.at)
      if (event.type === 'MessageExpired') expiredAt.set(event.seq, event.at)
    }
    const messages = facts.flatMap(({ event }) => {
      if (event.type !== 'MessageSent') return []
      const { seq, temporary = null } = event
      const gone = { deletedAt: deletedAt.get(seq) ?? null, expiredAt: expiredAt.get(seq) ?? null }
      return [{ ...event, temporary, ...gone }]
    })
    const opened = await openBodies(deps, messages)
    const views = new Map(
      messages.map((message, index) => {
        const body = opened[index]
        return [message.seq, body && { t: 'message', ...messageView(message, body) }]
      }),
    )
    return facts.map((fact) => ({ ...fact, json: jsonOf(fact.event, views) }))
  }

  return {
    noticed: (session, conversationId) => {
      noticed.push({ session, conversationId })
      timer ??= setTimeout(look, holdMs)
    },
    close: () => clearTimeout(timer),
  }
}

function jsonOf(event: ConversationEvent<SealedBody>, views: ReadonlyMap<Seq, unknown>): string | undefined {
  switch (event.type) {
    case 'MessageSent':
      return JSON.stringify(views.get(event.seq))
    case 'MessageDeleted':
      return JSON.stringify(deletedFrame(event))
    case 'MessageExpired':
      return event.reason === 'ttl' ? JSON.stringify(expiredFrame(event)) : undefined
    case 'MemberAdded':
    case 'MemberRemoved':
      return JSON.stringify(memberFrame(event))
    case 'MemberRoleChanged':
      return JSON.stringify(roleFrame(event))
    case 'ConversationStarted':
    case 'ConversationRenamed':
    case 'RetentionChanged':
      // Whoever was told nothing of it falls behind instead: its frame shows the conversation as a whole.
      return undefined
    default:
      return event satisfies never
  }
}

/** Whether it takes the whole conversation to tell this. */
function isBeyondMending(event: ConversationEvent<SealedBody>, { userId }: Session): boolean {
  if (event.type === 'ConversationStarted' || event.type === 'ConversationRenamed') return true
  if (event.type === 'RetentionChanged') return true
  return (event.type === 'MemberAdded' || event.type === 'MemberRemoved') && event.userId === userId
}

const deliveryOf = ({ event, revision }: Fact, json: string, seqBefore: Seq, session: Session): Delivery => ({
  json,
  place: {
    conversationId: event.conversationId,
    seqBefore,
    ...(event.type === 'MessageSent' ? { seq: event.seq } : { revision }),
    // Everything before it has been delivered in this very go.
    previousPosition: session.position,
  },
  ...(event.type === 'MessageSent' && event.senderId === session.userId
    ? { exceptDevice: event.deviceId }
    : {}),
})
