/**
 * Merges what a batch changed about members into `members`, in four statements: changes of a role, memberships that
 * ended, then those that began, then everybody else's watermarks.
 */

import { numbers, plain } from '../../runtime/array-literals.ts'
import type { ReadSchema } from '../schema.ts'
import {
  isMoved,
  type Leaving,
  type Mark,
  type MemberChange,
  type MemberChanges,
  openedRanges,
  sentAfter,
} from './member-change.ts'
import { perSchema } from './per-schema.ts'
import type { Write } from './write.ts'

const changeRoles = perSchema((schema) => ({
  name: `${schema}: change roles`,
  text: `
    UPDATE ${schema}.members m SET
      role = change.role, role_at = change.role_at, role_by = change.role_by, role_position = change.role_position
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[])
      AS change (conversation_id, user_id, role, role_at, role_by, role_position)
    WHERE m.conversation_id = change.conversation_id AND m.user_id = change.user_id AND m.left_seq IS NULL`,
}))

const endMemberships = perSchema((schema) => ({
  name: `${schema}: end memberships`,
  text: `
    UPDATE ${schema}.members m SET
      left_seq = change.left_seq, left_at = change.left_at, left_by = change.left_by, left_position = change.left_position,
      history = m.history * int4multirange(int4range(NULL, change.left_seq + 1))
    FROM unnest($1::uuid[], $2::text[], $3::int[], $4::bigint[], $5::text[], $6::bigint[])
      AS change (conversation_id, user_id, left_seq, left_at, left_by, left_position)
    WHERE m.conversation_id = change.conversation_id AND m.user_id = change.user_id AND m.left_seq IS NULL`,
}))

const joinMembers = perSchema((schema) => ({
  name: `${schema}: join members`,
  text: `
    INSERT INTO ${schema}.members AS m (conversation_id, user_id, left_seq, left_at, left_by, left_position,
      delivered_seq, delivered_at, delivered_device_id, delivered_position,
      read_seq, read_at, read_device_id, read_position,
      first_sent_seq, last_sent_seq, own_after_delivered, own_after_read,
      joined_seq, joined_at, joined_by, joined_position, history, role, role_at, role_by, role_position)
    SELECT conversation_id, user_id, left_seq, left_at, left_by, left_position,
      coalesce(delivered_seq, joined_seq), delivered_at, delivered_device_id, delivered_position,
      coalesce(read_seq, joined_seq), read_at, read_device_id, read_position,
      first_sent_seq, last_sent_seq, sent_after_delivered, sent_after_read,
      joined_seq, joined_at, joined_by, joined_position, opened, role, role_at, role_by, role_position
    FROM unnest($1::uuid[], $2::text[], $3::int[], $4::bigint[], $5::text[], $6::bigint[],
      $7::int[], $8::bigint[], $9::text[], $10::bigint[], $11::int[], $12::bigint[], $13::text[], $14::bigint[],
      $15::int[], $16::int[], $17::int[], $18::int[],
      $19::int[], $20::bigint[], $21::text[], $22::bigint[], $23::int4multirange[],
      $24::text[], $25::bigint[], $26::text[], $27::bigint[])
      AS change (conversation_id, user_id, left_seq, left_at, left_by, left_position,
        delivered_seq, delivered_at, delivered_device_id, delivered_position,
        read_seq, read_at, read_device_id, read_position,
        first_sent_seq, last_sent_seq, sent_after_delivered, sent_after_read,
        joined_seq, joined_at, joined_by, joined_position, opened, role, role_at, role_by, role_position)
    ON CONFLICT (conversation_id, user_id) DO UPDATE SET
      left_seq = excluded.left_seq, left_at = excluded.left_at,
      left_by = excluded.left_by, left_position = excluded.left_position,
      delivered_seq = excluded.delivered_seq, delivered_at = excluded.delivered_at,
      delivered_device_id = excluded.delivered_device_id, delivered_position = excluded.delivered_position,
      read_seq = excluded.read_seq, read_at = excluded.read_at,
      read_device_id = excluded.read_device_id, read_position = excluded.read_position,
      first_sent_seq = coalesce(m.first_sent_seq, excluded.first_sent_seq),
      last_sent_seq = coalesce(excluded.last_sent_seq, m.last_sent_seq),
      own_after_delivered = excluded.own_after_delivered, own_after_read = excluded.own_after_read,
      role = excluded.role, role_at = excluded.role_at,
      role_by = excluded.role_by, role_position = excluded.role_position,
      joined_seq = excluded.joined_seq, joined_at = excluded.joined_at,
      joined_by = excluded.joined_by, joined_position = excluded.joined_position,
      history = m.history + excluded.history
    WHERE m.left_seq IS NOT NULL`,
}))

/**
 * Own messages beyond a watermark that moves from m.<kind>_seq to change.<kind>_seq, of those stored before this batch.
 * Nearly always the first or the second case; the third counts rows only of the seqs that this very receipt covers.
 */
const ownStillAfter = (schema: ReadSchema, kind: 'delivered' | 'read'): string => `
  CASE WHEN m.own_after_${kind} = 0 OR change.${kind}_seq >= m.last_sent_seq THEN 0
       WHEN m.own_after_${kind} = m.last_sent_seq - m.${kind}_seq THEN m.last_sent_seq - change.${kind}_seq
       ELSE m.own_after_${kind} - (
         SELECT count(*)::int FROM ${schema}.messages own
         WHERE own.conversation_id = m.conversation_id AND own.sender_id = m.user_id
           AND own.seq > m.${kind}_seq AND own.seq <= change.${kind}_seq)
  END`

const moveWatermark = (schema: ReadSchema, kind: 'delivered' | 'read'): string => {
  const moves = `change.${kind}_seq > m.${kind}_seq`
  const moved = (column: string) => `CASE WHEN ${moves} THEN change.${column} ELSE m.${column} END`
  return `
    ${kind}_seq = greatest(m.${kind}_seq, change.${kind}_seq),
    ${kind}_at = ${moved(`${kind}_at`)},
    ${kind}_device_id = ${moved(`${kind}_device_id`)},
    ${kind}_position = ${moved(`${kind}_position`)},
    own_after_${kind} = CASE WHEN ${moves} THEN change.sent_after_${kind} + ${ownStillAfter(schema, kind)}
                             ELSE m.own_after_${kind} + change.sent END`
}

const moveMembers = perSchema((schema) => ({
  name: `${schema}: move members`,
  text: `
    UPDATE ${schema}.members m SET
      first_sent_seq = coalesce(m.first_sent_seq, change.first_sent_seq),
      last_sent_seq = coalesce(change.last_sent_seq, m.last_sent_seq),
      ${moveWatermark(schema, 'delivered')},
      ${moveWatermark(schema, 'read')}
    FROM unnest($1::uuid[], $2::text[],
      $3::int[], $4::bigint[], $5::text[], $6::bigint[], $7::int[], $8::bigint[], $9::text[], $10::bigint[],
      $11::int[], $12::int[], $13::int[], $14::int[], $15::int[])
      AS change (conversation_id, user_id,
        delivered_seq, delivered_at, delivered_device_id, delivered_position,
        read_seq, read_at, read_device_id, read_position,
        first_sent_seq, last_sent_seq, sent_after_delivered, sent_after_read, sent)
    WHERE m.conversation_id = change.conversation_id AND m.user_id = change.user_id`,
}))

export function memberWrites(schema: ReadSchema, changes: MemberChanges): Write[] {
  const all = [...changes.values()]
  const ended = all.filter((change) => change.ended !== undefined)
  const joined = all.filter((change) => change.joined !== undefined)
  const moved = all.filter((change) => change.joined === undefined && isMoved(change))
  const promoted = all.filter((change) => change.joined === undefined && change.role !== undefined)
  const writes: Write[] = []
  if (promoted.length > 0) {
    // Before the memberships end: a role is changed first and its bearer leaves then, never the other way round.
    const values = [...idsOf(promoted), ...rolesOf(promoted)]
    writes.push({ statement: changeRoles(schema), values, rows: promoted.length })
  }
  if (ended.length > 0) {
    const values = [...idsOf(ended), ...leavingsOf(ended, (change) => change.ended)]
    writes.push({ statement: endMemberships(schema), values, rows: ended.length })
  }
  if (joined.length > 0) {
    const leavings = leavingsOf(joined, (change) => change.left)
    const values = [...idsOf(joined), ...leavings, ...movesOf(joined), ...joiningsOf(joined)]
    writes.push({ statement: joinMembers(schema), values, rows: joined.length })
  }
  if (moved.length > 0) {
    const values = [...idsOf(moved), ...movesOf(moved), numbers(moved, (change) => change.sent.length)]
    writes.push({ statement: moveMembers(schema), values, rows: moved.length })
  }
  return writes
}

const idsOf = (changes: readonly MemberChange[]): string[] => [
  plain(changes, ({ conversationId }) => conversationId),
  plain(changes, ({ userId }) => userId),
]

const leavingsOf = (
  changes: readonly MemberChange[],
  leavingOf: (change: MemberChange) => Leaving | undefined,
): string[] => [
  numbers(changes, (change) => leavingOf(change)?.afterSeq),
  numbers(changes, (change) => leavingOf(change)?.at),
  plain(changes, (change) => leavingOf(change)?.by),
  numbers(changes, (change) => leavingOf(change)?.position),
]

const movesOf = (changes: readonly MemberChange[]): string[] => [
  ...marksOf(changes, ({ delivered }) => delivered),
  ...marksOf(changes, ({ read }) => read),
  numbers(changes, ({ firstSent }) => firstSent),
  numbers(changes, ({ lastSent }) => lastSent),
  numbers(changes, (change) => sentAfter(change, change.delivered)),
  numbers(changes, (change) => sentAfter(change, change.read)),
]

const marksOf = (
  changes: readonly MemberChange[],
  markOf: (change: MemberChange) => Mark | undefined,
): string[] => [
  numbers(changes, (change) => markOf(change)?.seq),
  numbers(changes, (change) => markOf(change)?.at),
  plain(changes, (change) => markOf(change)?.deviceId),
  numbers(changes, (change) => markOf(change)?.position),
]

const joiningsOf = (changes: readonly MemberChange[]): string[] => [
  numbers(changes, ({ joined }) => joined?.afterSeq),
  numbers(changes, ({ joined }) => joined?.at),
  plain(changes, ({ joined }) => joined?.by),
  numbers(changes, ({ joined }) => joined?.position),
  plain(changes, openedRanges),
  ...rolesOf(changes),
]

const rolesOf = (changes: readonly MemberChange[]): string[] => [
  plain(changes, ({ role, joined }) => role?.role ?? joined?.role),
  numbers(changes, ({ role }) => role?.at),
  plain(changes, ({ role }) => role?.by),
  numbers(changes, ({ role }) => role?.position),
]
