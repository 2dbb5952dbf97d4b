/** The answers by definition: walks over all events for every question. Shares no code with the projections but the codec. */
import type { DomainEvent, MessageSent, Role } from '../../../domain/events.ts'
import type { ConversationId, DeviceId, Millis, UserId } from '../../../domain/ids.ts'
import { decode } from '../../../ledger/codec/decode.ts'
import type { Position, RecordedEvent } from '../../../ledger/ledger.ts'
import { conversationOf } from '../../../ledger/streams.ts'

type Happened = DomainEvent & { readonly position: Position }

export interface Membership {
  readonly joinedSeq: number
  readonly joinedPosition: Position
  leftSeq?: number
  leftPosition?: Position
}

export interface Oracle {
  readonly conversations: readonly ConversationId[]
  /** Everybody who was ever a member. */
  people(conversationId: ConversationId): readonly UserId[]
  /** Oldest first; the last one is the current one if it has no `leftSeq`. */
  memberships(conversationId: ConversationId, userId: UserId): readonly Membership[]
  messages(conversationId: ConversationId): readonly (MessageSent & {
    readonly position: Position
    readonly deletedAt?: Millis
    readonly expiredAt?: Millis
  })[]
  lastSeq(conversationId: ConversationId): number
  visible(conversationId: ConversationId, userId: UserId): readonly number[]
  /** Where everything is that a person may read, newest first. */
  readable(userId: UserId): readonly Position[]
  watermark(conversationId: ConversationId, userId: UserId, kind: 'delivered' | 'read'): number
  /** The last seq of what the delivery worker gave up since this person acknowledged more, 0 if it did not. */
  givenUp(conversationId: ConversationId, userId: UserId): number
  /** Of one device, 0 if it never acknowledged. */
  deviceHas(conversationId: ConversationId, userId: UserId, deviceId: DeviceId): number
  /** Of any of the person's devices, as far as it was recorded up to there. */
  hadThen(conversationId: ConversationId, userId: UserId, position: Position): number
  ticks(
    conversationId: ConversationId,
    seq: number,
  ): { readonly deliveredToAll: boolean; readonly readByAll: boolean }
  /** As this person knows it: of the time they left, for who has left. */
  title(conversationId: ConversationId, userId: UserId): string | null
  role(conversationId: ConversationId, userId: UserId): Role | undefined
  /** Others' messages beyond a watermark, up to this person's leaving. */
  beyond(conversationId: ConversationId, userId: UserId, kind: 'delivered' | 'read'): readonly number[]
  /** When the first receipt that covers a seq was recorded. */
  firstReceipt(
    conversationId: ConversationId,
    userId: UserId,
    kind: 'delivered' | 'read',
    seq: number,
  ): Millis | null
  lastPosition(conversationId: ConversationId): Position
}

export function createOracle(recorded: readonly RecordedEvent[]): Oracle {
  const events: Happened[] = recorded
    .filter(({ stream }) => conversationOf(stream) !== undefined)
    .map((event) => ({ ...decode(event), position: event.position }))
  const of = (id: ConversationId) => events.filter(({ conversationId }) => conversationId === id)

  const oracle: Oracle = {
    conversations: [...new Set(events.map(({ conversationId }) => conversationId))],
    people(id) {
      const people = of(id).flatMap((event) =>
        event.type === 'ConversationStarted'
          ? event.members.map(({ userId }) => userId)
          : event.type === 'MemberAdded'
            ? [event.userId]
            : [],
      )
      return [...new Set(people)]
    },
    memberships(id, userId) {
      const all: Membership[] = []
      for (const event of of(id)) {
        const { position } = event
        if (
          event.type === 'ConversationStarted' &&
          event.members.some((member) => member.userId === userId)
        ) {
          all.push({ joinedSeq: 0, joinedPosition: position })
        } else if (event.type === 'MemberAdded' && event.userId === userId) {
          all.push({ joinedSeq: event.afterSeq, joinedPosition: position })
        } else if (event.type === 'MemberRemoved' && event.userId === userId) {
          Object.assign(all.at(-1) as Membership, { leftSeq: event.afterSeq, leftPosition: position })
        }
      }
      return all
    },
    messages(id) {
      const deleted = new Map(
        of(id).flatMap((event) => (event.type === 'MessageDeleted' ? [[event.seq, event.at]] : [])),
      )
      const expired = new Map(
        of(id).flatMap((event) => (event.type === 'MessageExpired' ? [[event.seq, event.at]] : [])),
      )
      return of(id).flatMap((event) => {
        if (event.type !== 'MessageSent') return []
        const deletedAt = deleted.get(event.seq)
        const expiredAt = expired.get(event.seq)
        return [
          {
            ...event,
            ...(deletedAt === undefined ? {} : { deletedAt }),
            ...(expiredAt === undefined ? {} : { expiredAt }),
          },
        ]
      })
    },
    lastSeq: (id) => oracle.messages(id).at(-1)?.seq ?? 0,
    visible(id, userId) {
      const spans = oracle.memberships(id, userId)
      return oracle
        .messages(id)
        .map(({ seq }) => seq as number)
        .filter((seq) => spans.some(({ joinedSeq, leftSeq }) => seq > joinedSeq && seq <= (leftSeq ?? seq)))
    },
    readable: (userId) =>
      oracle.conversations
        .flatMap((id) => {
          const visible = new Set(oracle.visible(id, userId))
          return oracle.messages(id).filter(({ seq }) => visible.has(seq))
        })
        .map(({ position }) => position)
        .sort((a, b) => (a > b ? -1 : 1)),
    watermark(id, userId, kind) {
      const type = kind === 'read' ? 'MessageRead' : 'MessageDelivered'
      const reached = of(id).flatMap((event) =>
        event.type === type && event.userId === userId ? [event.toSeq as number] : [],
      )
      return Math.max(oracle.memberships(id, userId).at(-1)?.joinedSeq ?? 0, ...reached)
    },
    givenUp(id, userId) {
      const had = oracle.hadThen(id, userId, oracle.lastPosition(id))
      const given = of(id).flatMap((event) =>
        event.type === 'DeliveryExhausted' &&
        event.userId === userId &&
        oracle.hadThen(id, userId, event.position) === had
          ? [event.toSeq as number]
          : [],
      )
      return Math.max(0, ...given)
    },
    deviceHas(id, userId, deviceId) {
      const reached = of(id).flatMap((event) =>
        event.type === 'MessageDelivered' && event.userId === userId && event.deviceId === deviceId
          ? [event.toSeq as number]
          : [],
      )
      return Math.max(0, ...reached)
    },
    hadThen(id, userId, upTo) {
      const reached = of(id).flatMap((event) =>
        event.type === 'MessageDelivered' && event.userId === userId && event.position <= upTo
          ? [event.toSeq as number]
          : [],
      )
      return Math.max(0, ...reached)
    },
    ticks(id, seq) {
      const sender = oracle.messages(id).find((message) => message.seq === seq)?.senderId
      const others = oracle.people(id).filter((userId) => {
        const now = oracle.memberships(id, userId).at(-1)
        return userId !== sender && now !== undefined && now.leftSeq === undefined && now.joinedSeq < seq
      })
      const all = (kind: 'delivered' | 'read') =>
        others.length > 0 && others.every((userId) => oracle.watermark(id, userId, kind) >= seq)
      return { deliveredToAll: all('delivered'), readByAll: all('read') }
    },
    title(id, userId) {
      const { leftPosition } = oracle.memberships(id, userId).at(-1) ?? {}
      const named = of(id).findLast(
        ({ type, position }) =>
          (type === 'ConversationStarted' || type === 'ConversationRenamed') &&
          (leftPosition === undefined || position < leftPosition),
      )
      return (named as { title?: string } | undefined)?.title ?? null
    },
    role(id, userId) {
      let role: Role | undefined
      for (const event of of(id)) {
        if (event.type === 'ConversationStarted') {
          role = event.members.find((member) => member.userId === userId)?.role
        } else if (
          (event.type === 'MemberAdded' || event.type === 'MemberRoleChanged') &&
          event.userId === userId
        ) {
          role = event.role
        }
      }
      return role
    },
    beyond(id, userId, kind) {
      const mark = oracle.watermark(id, userId, kind)
      const end = oracle.memberships(id, userId).at(-1)?.leftSeq ?? oracle.lastSeq(id)
      return oracle
        .messages(id)
        .filter(({ seq, senderId }) => seq > mark && seq <= end && senderId !== userId)
        .map(({ seq }) => seq)
    },
    firstReceipt(id, userId, kind, seq) {
      const type = kind === 'read' ? 'MessageRead' : 'MessageDelivered'
      const found = of(id).find(
        (event) =>
          event.type === type && event.userId === userId && event.fromSeq <= seq && event.toSeq >= seq,
      )
      return found?.at ?? null
    },
    lastPosition: (id) => of(id).at(-1)?.position ?? (0n as Position),
  }
  return oracle
}
