import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ConversationId, DeviceId, Millis, Seq, UserId } from '../../../domain/ids.ts'
import type { RecordedEvent } from '../../../ledger/ledger.ts'
import { userStream } from '../../../ledger/streams.ts'
import { conversationOf } from '../../../projections/queries/conversation.ts'
import { conversationsToCatchUp } from '../../../projections/queries/conversations-to-catch-up.ts'
import { findMessage } from '../../../projections/queries/find-message.ts'
import { history } from '../../../projections/queries/history.ts'
import { type InboxEntry, inbox } from '../../../projections/queries/inbox.ts'
import { membershipOf } from '../../../projections/queries/membership.ts'
import { messageReceipts } from '../../../projections/queries/message-receipts.ts'
import { messagesBetween } from '../../../projections/queries/messages-between.ts'
import { undeliveredIn, undeliveredOf, undeliveredPeople } from '../../../projections/queries/undelivered.ts'
import { PEOPLE } from '../../support/random-past.ts'
import type { Oracle } from '../support/oracle.ts'
import { onProjectedPasts } from '../support/projected-pasts.ts'
import { createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.end())

const always = (check: Parameters<typeof onProjectedPasts>[1]) => onProjectedPasts(world, check)

/** Every person in every conversation they were ever in. */
const everywhere = (oracle: Oracle): [ConversationId, UserId][] =>
  oracle.conversations.flatMap((id) =>
    oracle.people(id).map((userId): [ConversationId, UserId] => [id, userId]),
  )

async function wholeInbox(userId: UserId, limit: number): Promise<InboxEntry[]> {
  const entries: InboxEntry[] = []
  let after: string | undefined
  do {
    const page = await inbox(world.pool, userId, { limit, ...(after === undefined ? {} : { after }) })
    expect(page?.entries.length).toBeLessThanOrEqual(limit)
    entries.push(...(page?.entries ?? []))
    after = page?.next
  } while (after !== undefined)
  return entries
}

test('the inbox shows every conversation of a person once, with what they may see, have not read, and their ticks', async () => {
  await always(async (oracle) => {
    for (const userId of PEOPLE) {
      const entries = await wholeInbox(userId, 2)
      const mine = oracle.conversations.filter((id) => oracle.people(id).includes(userId))
      expect(entries.map(({ conversationId }) => conversationId).sort()).toEqual([...mine].sort())
      for (const entry of entries) {
        const id = entry.conversationId
        const messages = oracle.messages(id)
        const unread = oracle.beyond(id, userId, 'read')
        const own = messages.findLast(({ senderId }) => senderId === userId)
        expect(entry).toMatchObject({
          leftSeq: oracle.memberships(id, userId).at(-1)?.leftSeq ?? null,
          title: oracle.title(id, userId),
          role: oracle.role(id, userId),
          unread: unread.length,
          firstUnreadSeq: unread[0] ?? null,
          earliestUnreadAt: messages.find(({ seq }) => seq === unread[0])?.at ?? null,
          deliveredSeq: oracle.watermark(id, userId, 'delivered'),
          readSeq: oracle.watermark(id, userId, 'read'),
          lastOwn: own
            ? { seq: own.seq, at: own.at, deleted: own.deletedAt !== undefined, ...oracle.ticks(id, own.seq) }
            : null,
        })
        expect(entry.lastMessage?.seq).toBe(oracle.visible(id, userId).at(-1))
      }
    }
  })
})

test('a history shows exactly the messages of the times of membership, in order, from any place, with the ticks of own ones', async () => {
  await always(async (oracle, _, dice) => {
    for (const [id, userId] of everywhere(oracle)) {
      const visible = oracle.visible(id, userId)
      const place = (dice % (oracle.lastSeq(id) + 2)) as Seq
      const seqs = async (page: Parameters<typeof history>[3]) =>
        (await history(world.pool, id, userId, page)).map(({ seq }) => seq as number)
      expect(await seqs({ limit: 3 })).toEqual(visible.slice(-3))
      expect(await seqs({ before: place, limit: 3 })).toEqual(visible.filter((seq) => seq < place).slice(-3))
      expect(await seqs({ after: place, limit: 3 })).toEqual(visible.filter((seq) => seq > place).slice(0, 3))
      for (const limit of [1, 2, 5]) {
        const first = visible.findIndex((seq) => seq >= place)
        const at = first === -1 ? visible.length : first
        const from = Math.max(0, Math.min(at - Math.floor((limit - 1) / 2), visible.length - limit))
        expect(await seqs({ around: place, limit })).toEqual(visible.slice(from, from + limit))
      }
      for (const message of await history(world.pool, id, userId, { limit: 500 })) {
        const sent = oracle.messages(id).find(({ seq }) => seq === message.seq)
        const {
          messageId,
          senderId,
          deviceId,
          nonce,
          clientAt,
          at,
          position,
          body,
          deletedAt,
          temporary,
          expiredAt,
        } = sent as NonNullable<typeof sent>
        expect(message).toEqual({
          conversationId: id,
          seq: message.seq,
          messageId,
          senderId,
          deviceId,
          nonce,
          clientAt,
          at,
          position,
          body: deletedAt === undefined ? body : { hash: body.hash },
          deletedAt: deletedAt ?? null,
          temporary: temporary ?? null,
          expiredAt: expiredAt ?? null,
          ticks: senderId === userId ? oracle.ticks(id, message.seq) : null,
        })
      }
    }
  })
})

test('the receipts of a message name everybody who was there but its sender, with the first time it reached and was read', async () => {
  await always(async (oracle) => {
    for (const id of oracle.conversations) {
      for (const { seq, senderId, messageId, at, deviceId, deletedAt } of oracle.messages(id)) {
        const there = oracle
          .people(id)
          .filter((userId) => userId !== senderId && oracle.visible(id, userId).includes(seq))
        const receipts = await messageReceipts(world.pool, id, seq, 'viewer' as UserId)
        expect(receipts.map(({ userId }) => userId)).toEqual([...there].sort())
        for (const receipt of receipts) {
          expect(receipt.member).toBe(oracle.memberships(id, receipt.userId).at(-1)?.leftSeq === undefined)
          expect(receipt.deliveredAt).toBe(oracle.firstReceipt(id, receipt.userId, 'delivered', seq))
          expect(receipt.readAt).toBe(oracle.firstReceipt(id, receipt.userId, 'read', seq))
          expect(receipt.devices[0]?.deliveredAt ?? null).toBe(receipt.deliveredAt)
        }
        expect(await findMessage(world.pool, id, messageId)).toEqual({
          ...{ seq, messageId, senderId, deviceId, at },
          ...(deletedAt === undefined ? {} : { deletedAt }),
        })
      }
    }
  })
})

test('a conversation lists its current members, and a membership stands as the person has it', async () => {
  await always(async (oracle) => {
    for (const id of oracle.conversations) {
      const conversation = await conversationOf(world.pool, id)
      const current = oracle
        .people(id)
        .filter((userId) => oracle.memberships(id, userId).at(-1)?.leftSeq === undefined)
      expect(conversation?.members.map(({ userId, role }) => [userId, role])).toEqual(
        [...current].sort().map((userId) => [userId, oracle.role(id, userId)]),
      )
      expect(conversation).toMatchObject({
        lastSeq: oracle.lastSeq(id),
        lastPosition: oracle.lastPosition(id),
      })
    }
    for (const [id, userId] of everywhere(oracle)) {
      const last = oracle.memberships(id, userId).at(-1)
      expect(await membershipOf(world.pool, id, userId)).toMatchObject({
        joinedSeq: last?.joinedSeq,
        leftSeq: last?.leftSeq ?? null,
        deliveredSeq: oracle.watermark(id, userId, 'delivered'),
        readSeq: oracle.watermark(id, userId, 'read'),
        lastSeq: oracle.lastSeq(id),
        firstReadableSeq: oracle.visible(id, userId)[0] ?? null,
        lastReadableSeq: oracle.visible(id, userId).at(-1) ?? null,
        unread: oracle.beyond(id, userId, 'read').length,
        firstUnreadSeq: oracle.beyond(id, userId, 'read')[0] ?? null,
      })
    }
  })
})

test('a device that comes back gets every message since its position that it did not acknowledge, and none of its own', async () => {
  await always(async (oracle, events, dice) => {
    const since = (events[dice % events.length] as RecordedEvent).position
    const knownFrom = (events[(dice >> 8) % events.length] as RecordedEvent).position
    const deviceId = 'phone' as DeviceId
    for (const userId of PEOPLE) {
      const listed = await conversationsToCatchUp(world.pool, userId, deviceId, { kept: since, knownFrom })
      for (const id of oracle.conversations.filter((one) => oracle.people(one).includes(userId))) {
        const known = oracle.deviceHas(id, userId, deviceId)
        const had = known === 0 ? oracle.hadThen(id, userId, knownFrom) : known
        const missed = oracle
          .messages(id)
          .filter(({ seq, senderId, deviceId: from, position }) => {
            const own = senderId === userId && from === deviceId
            return !own && seq > had && position > since && oracle.visible(id, userId).includes(seq)
          })
          .map(({ seq }) => seq)
        const entry = listed.find(({ conversationId }) => conversationId === id)
        if (!entry) {
          expect(missed).toEqual([])
          continue
        }
        const found: Seq[] = []
        for (const stretch of entry.missed) {
          const messages = await messagesBetween(world.pool, id, { ...stretch, bytes: 2 ** 31 - 1 })
          const others = messages.filter((one) => one.senderId !== userId || one.deviceId !== deviceId)
          found.push(...others.map(({ seq }) => seq))
        }
        const deletions = oracle.messages(id).flatMap(({ deletedAt }) => deletedAt ?? [])
        expect(entry.deletedUpTo === null).toBe(deletions.length === 0)
        expect(found).toEqual(missed)
      }
    }
  })
})

test('people with undelivered messages are found, all of them, page by page, and nobody who only waits for their own', async () => {
  await always(async (oracle, events, dice) => {
    const olderThan = Number((events[dice % events.length] as RecordedEvent).metadata.recordedAt) as Millis
    const waits = (id: ConversationId, userId: UserId, before: number): boolean => {
      if (oracle.memberships(id, userId).at(-1)?.leftSeq !== undefined) return false
      const [first] = oracle.beyond(id, userId, 'delivered')
      const oldest = oracle.messages(id).find(({ seq }) => seq === first)
      return oldest !== undefined && oldest.at < before
    }
    const isLeft = (id: ConversationId, userId: UserId) => oracle.givenUp(id, userId) < oracle.lastSeq(id)
    const rangesOf = (userId: UserId, before: number, counts: typeof isLeft) =>
      [...oracle.conversations]
        .sort()
        .filter((id) => oracle.people(id).includes(userId) && waits(id, userId, before))
        .filter((id) => counts(id, userId))
        .map((id) => ({
          conversationId: id,
          fromSeq: oracle.watermark(id, userId, 'delivered') + 1,
          toSeq: oracle.lastSeq(id),
        }))
    const peopleWho = (counts: typeof isLeft) =>
      [...PEOPLE]
        .sort()
        .map((userId) => ({
          userId,
          hasConnected: events.some(
            ({ type, stream }) => type === 'DeviceConnected' && stream === userStream(userId),
          ),
          conversations: rangesOf(userId, olderThan, counts),
        }))
        .filter(({ conversations }) => conversations.length > 0)

    const found = []
    for (let afterUserId: UserId | undefined; ; ) {
      const page = await undeliveredPeople(world.pool, {
        olderThan,
        limit: 2,
        ...(afterUserId ? { afterUserId } : {}),
      })
      if (page.length === 0) break
      found.push(...page)
      afterUserId = page.at(-1)?.userId
    }
    expect(found).toEqual(peopleWho(isLeft))
    const everybody = peopleWho(() => true)
    expect(await undeliveredIn(world.pool, oracle.conversations, olderThan)).toEqual(everybody)
    for (const userId of PEOPLE) {
      expect(await undeliveredOf(world.pool, userId)).toEqual(
        rangesOf(userId, Number.POSITIVE_INFINITY, isLeft),
      )
    }
  })
})
