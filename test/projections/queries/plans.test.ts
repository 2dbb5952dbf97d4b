import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ConversationId, DeviceId, MessageId, Millis, Seq, UserId } from '../../../domain/ids.ts'
import type { Position } from '../../../ledger/ledger.ts'
import { conversationOf } from '../../../projections/queries/conversation.ts'
import { conversationsToCatchUp } from '../../../projections/queries/conversations-to-catch-up.ts'
import { findMessage } from '../../../projections/queries/find-message.ts'
import { history } from '../../../projections/queries/history.ts'
import { inbox } from '../../../projections/queries/inbox.ts'
import { membershipOf } from '../../../projections/queries/membership.ts'
import { mentionsOf } from '../../../projections/queries/mentions.ts'
import { messageReceipts } from '../../../projections/queries/message-receipts.ts'
import { messagesAt } from '../../../projections/queries/messages-at.ts'
import { messagesBetween } from '../../../projections/queries/messages-between.ts'
import { missedChanges } from '../../../projections/queries/missed-changes.ts'
import { missedReceipts } from '../../../projections/queries/missed-receipts.ts'
import { searchCandidates } from '../../../projections/queries/search-candidates.ts'
import { searchedStretches } from '../../../projections/queries/searched-stretches.ts'
import type { Database } from '../../../projections/queries/statement.ts'
import { undeliveredIn, undeliveredOf, undeliveredPeople } from '../../../projections/queries/undelivered.ts'
import { walkedCandidates } from '../../../projections/queries/walked-candidates.ts'
import { createReadSchema, READ_TABLES } from '../../../projections/schema.ts'
import { createWorld, type World } from '../support/world.ts'

let world: World
const [somebody, hub] = ['user7', 'hub'] as unknown as [UserId, UserId]
const phone = 'phone' as DeviceId
const busy = 'ffffffff-0000-4000-8000-000000000000' as ConversationId
/** Everything in the fixture is older, but for the busy conversation's last 100 messages. */
const recent = 1_000_000n as Position

/** 12,000 quiet pairs of `hub` with somebody else, and one conversation of 1,000 people with 40,000 messages. */
const FIXTURE = `
  INSERT INTO read.conversations
    SELECT (lpad(to_hex(n), 8, '0') || '-0000-4000-8000-000000000000')::uuid, 'direct', null, 'hub', 1, n, 2, 1, n, n
    FROM generate_series(1, 12000) n
    UNION ALL SELECT '${busy}', 'group', 'busy', 'hub', 1, 1, 40000, 1, 1000100, 1000100;
  INSERT INTO read.members (conversation_id, user_id, role, joined_seq, joined_at, joined_by, joined_position, history,
      delivered_seq, delivered_position, delivered_device_id, delivered_at, read_seq, first_sent_seq, last_sent_seq,
      own_after_delivered, own_after_read)
    SELECT c.conversation_id, person, 'member', 0, 1, 'hub', 1, int4multirange(int4range(1, null)),
      2, 5, 'laptop', 1, 1, 1, 1, 0, 0
    FROM read.conversations c CROSS JOIN LATERAL (VALUES ('hub'), ('user' || c.started_position)) people (person)
    WHERE c.kind = 'direct'
    UNION ALL
    SELECT '${busy}', CASE n WHEN 0 THEN 'hub' ELSE 'user' || n END, 'member', 0, 1, 'hub', 1,
      int4multirange(int4range(1, null)), 39900, 1000001, 'laptop', 1, 39900, n + 1, n + 1, 0, 0
    FROM generate_series(0, 999) n;
  INSERT INTO read.messages
    SELECT conversation_id, seq, sha256((conversation_id::text || seq)::bytea), 'hub', 'phone', 'n', 1, 1,
      '\\x00'::bytea, '\\x00'::bytea, null, null, started_position
    FROM read.conversations CROSS JOIN generate_series(1, 2) seq WHERE kind = 'direct'
    UNION ALL
    SELECT '${busy}', seq, sha256(('busy' || seq)::bytea), 'user' || seq % 1000, 'phone', 'n', 1, 1, '\\x00', '\\x00',
      CASE WHEN seq % 500 = 0 THEN 1 END, CASE WHEN seq % 500 = 0 THEN 1000002 END, 960100 + seq
    FROM generate_series(1, 40000) seq;
  INSERT INTO read.device_watermarks SELECT conversation_id, user_id, 'laptop', delivered_seq, 1, 1 FROM read.members;
  INSERT INTO read.receipts
    SELECT conversation_id, user_id, 'laptop', kind, 1, delivered_seq, 1, 1
    FROM read.members CROSS JOIN (VALUES ('delivered'), ('read')) kinds (kind);
  INSERT INTO read.delivery_attempts
    SELECT conversation_id, user_id, null, 1, 2, 'socket', 1, CASE n WHEN 1 THEN 'exhausted' ELSE 'offline' END, null, 1, n
    FROM read.members CROSS JOIN generate_series(1, 2) n;
  INSERT INTO search.messages
    SELECT conversation_id, seq, position, to_tsvector('simple', 'word' || seq % 100) FROM read.messages;
  INSERT INTO search.mentions
    SELECT 'user' || position % 10, position, conversation_id, seq FROM read.messages WHERE conversation_id = '${busy}';
`

beforeAll(async () => {
  world = await createWorld('migrated')
  const client = await world.pool.connect()
  await createReadSchema(client, 'read', 2)
  await client.query(FIXTURE)
  for (const table of READ_TABLES) await client.query(`ANALYZE read.${table}`)
  await client.query('ANALYZE search.messages, search.mentions')
  client.release()
})
afterAll(() => world.end())

const asked: Readonly<Record<string, (db: Database) => Promise<unknown>>> = {
  inbox: (db) => inbox(db, somebody, { limit: 50 }),
  'inbox of somebody with 12,000 conversations': (db) => inbox(db, hub, { limit: 50 }),
  conversationOf: (db) => conversationOf(db, busy),
  membershipOf: (db) => membershipOf(db, busy, somebody),
  'history, newest': (db) => history(db, busy, somebody, { limit: 50 }),
  'history, before': (db) => history(db, busy, somebody, { before: 20_000 as Seq, limit: 50 }),
  'history, after': (db) => history(db, busy, somebody, { after: 20_000 as Seq, limit: 50 }),
  'history, around': (db) => history(db, busy, somebody, { around: 20_000 as Seq, limit: 50 }),
  messageReceipts: (db) => messageReceipts(db, busy, 39_000 as Seq, somebody),
  findMessage: (db) => findMessage(db, busy, 'ab'.repeat(32) as MessageId),
  conversationsToCatchUp: (db) => conversationsToCatchUp(db, hub, phone, { kept: recent, knownFrom: recent }),
  messagesBetween: (db) =>
    messagesBetween(db, busy, { from: 20_001 as Seq, to: 20_200 as Seq, bytes: 512 * 1024 }),
  missedReceipts: (db) => missedReceipts(db, hub, phone, recent, 200),
  missedChanges: (db) =>
    missedChanges(db, hub, phone, recent, { mostNamed: 100, limit: 200, upTo: (2n ** 62n) as Position }),
  'searchedStretches of somebody with 12,000 conversations': (db) => searchedStretches(db, hub, null, 1024),
  'searchedStretches of one of them': (db) => searchedStretches(db, hub, busy, 1024),
  searchCandidates: (db) =>
    searchCandidates(
      db,
      ["'word7'", "'word8'&'word9'"],
      hub,
      { above: 0n as Position, below: (2n ** 62n) as Position },
      200,
    ),
  // Of so many that it knows, Postgres expects so much that it would rather read every message.
  'searchCandidates of a word that is frequent, in 1,000 stretches': (db) =>
    searchCandidates(
      db,
      Array.from({ length: 1000 }, (_, n) => `'word${n % 100}'`),
      hub,
      { above: 0n as Position, below: (2n ** 62n) as Position },
      200,
    ),
  'walkedCandidates in conversations that are long': (db) =>
    walkedCandidates(
      db,
      Array.from({ length: 100 }, (_, n) => ({
        conversationId: busy,
        stretch: n,
        messages: 1024,
        after: 0n as Position,
        newest: (2n ** 62n) as Position,
        query: "'word7'",
      })),
      hub,
      { above: 900_000n as Position, below: (2n ** 62n) as Position },
      512,
      50,
    ),
  messagesAt: (db) =>
    messagesAt(
      db,
      Array.from({ length: 100 }, (_, n) => ({ conversationId: busy, seq: (n * 100 + 1) as Seq })),
    ),
  mentionsOf: (db) => mentionsOf(db, somebody, { before: undefined, limit: 50 }),
  undeliveredPeople: (db) => undeliveredPeople(db, { olderThan: 2 as Millis, limit: 20 }),
  undeliveredIn: (db) => undeliveredIn(db, [busy], 2 as Millis),
  undeliveredOf: (db) => undeliveredOf(db, hub),
}

interface Plan {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly Plans?: readonly Plan[]
}

const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)]

/** Runs the query and collects, of each statement, the plan for its values and the one for any values. */
async function plansOf(ask: (db: Database) => Promise<unknown>): Promise<Plan[]> {
  const plans: Plan[] = []
  const db = {
    async query({ text, values }: pg.QueryConfig) {
      const custom = await world.pool.query(`EXPLAIN (FORMAT JSON) ${text}`, values)
      const generic = await world.pool.query(`EXPLAIN (FORMAT JSON, GENERIC_PLAN) ${text}`)
      for (const { rows } of [custom, generic]) plans.push(rows[0]['QUERY PLAN'][0].Plan)
      return await world.pool.query(text, values)
    },
  }
  await ask(db as unknown as Database)
  return plans
}

/** `conversations` may be read whole: somebody who is in most of them needs most of it. */
const LARGE = new Set(['members', 'messages', 'receipts', 'device_watermarks', 'delivery_attempts'])

test.each(Object.keys(asked))('%s is answered through indexes, whatever the values', async (name) => {
  const plans = await plansOf(asked[name] as (db: Database) => Promise<unknown>)
  expect(plans.length).toBeGreaterThan(0)
  const scanned = plans.flatMap(nodes).filter((node) => node['Node Type'] === 'Seq Scan')
  expect(scanned.filter((node) => LARGE.has(node['Relation Name'] ?? ''))).toEqual([])
})

test.each(['searchedStretches of one of them', 'searchedStretches of somebody with 12,000 conversations'])(
  '%s looks up the ends of stretches one by one, and not among all messages of their conversation',
  async (name) => {
    const plans = await plansOf(asked[name] as (db: Database) => Promise<unknown>)
    const read = plans.flatMap(nodes).filter((node) => node['Relation Name'] === 'messages')
    expect(read).toHaveLength(plans.length)
    for (const node of read) expect(node['Index Cond']).toMatch(/conversation_id = .* AND .*seq = /)
  },
)

test('of messages that are gone, a page reads the first of each conversation by position, and sorts none of the others', async () => {
  for (const plan of await plansOf(asked.missedChanges as (db: Database) => Promise<unknown>)) {
    const read = nodes(plan)
      .filter((node) => node['Node Type'] === 'Limit')
      .flatMap((limit) => limit.Plans ?? [])
      .filter((node) => node['Relation Name'] === 'messages')
    expect(read.map((node) => node['Index Name']).sort()).toEqual(['messages_deleted', 'messages_expired'])
    for (const node of read)
      expect(node['Index Cond']).toMatch(/conversation_id = .* AND .*_position > .* AND .*_position <= /)
  }
})

test('a walk reads by position, from the newest stretch on, and sorts nothing before it has enough', async () => {
  const plans = await plansOf(
    asked['walkedCandidates in conversations that are long'] as (db: Database) => Promise<unknown>,
  )
  for (const plan of plans) {
    const [limit] = nodes(plan).filter((node) => node['Node Type'] === 'Limit')
    const within = limit ? nodes(limit) : []
    expect(within.map((node) => node['Index Name'])).toContain('messages_by_position')
    expect(within.map((node) => node['Node Type'])).not.toContain('Sort')
  }
})

test('coming back to 12,000 quiet conversations answers only what moved, in a fraction of a second', async () => {
  const took: number[] = []
  for (let i = 0; i < 12; i++) {
    const begun = performance.now()
    const answer = await conversationsToCatchUp(world.pool, hub, phone, { kept: recent, knownFrom: recent })
    took.push(performance.now() - begun)
    expect(answer).toHaveLength(1)
  }
  // About 20 ms on a quiet machine, generic plans included; this is about orders of magnitude.
  expect(Math.min(...took.slice(6))).toBeLessThan(500)
})
