/** The places of a search over more than a first look reaches, in conversations of every shape: held against one that reads all messages. */
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newestCandidates } from '../../../api/search/candidates.ts'
import { TOP } from '../../../api/search/cursor.ts'
import type { UserId } from '../../../domain/ids.ts'
import { parseQuery } from '../../../domain/search/query.ts'
import { BEGINNING, type Position } from '../../../ledger/ledger.ts'
import type { BlindLexemes } from '../../../ledger/sealing/blind-lexemes.ts'
import type { Candidate } from '../../../projections/queries/search-candidates.ts'
import { searchedStretches } from '../../../projections/queries/searched-stretches.ts'
import { createReadSchema } from '../../../projections/schema.ts'
import { createWorld, type World } from '../../projections/support/world.ts'

/** Messages of a stretch. */
const SIZE = 64
const CONVERSATIONS = 300
const MESSAGES = 15_000
const WINDOW = 50

/** Which conversation the nth message is in, by what goes on in a past, and where it is. */
const SHAPES = {
  'all side by side': ['n * 7 % 300', 'n'],
  'one after the other': ['n / 50', 'n'],
  'some at a time': ['n / 1000 * 20 + n * 7 % 20', 'n'],
  'all side by side, but one has said most since': [
    'CASE WHEN n > 10000 AND n % 50 > 0 THEN 5 ELSE n * 7 % 300 END',
    'n',
  ],
  // Taken to be spread over all the time there was: a walk meets more than it expects, and ends early.
  'all side by side, after a long pause': ['n * 7 % 300', 'CASE WHEN n < 300 THEN n ELSE 1000000 + n END'],
  'one that is long': ['0', 'n'],
} satisfies Readonly<Record<string, readonly [string, string]>>
type Shape = readonly [conversation: string, position: string]

/** Of so many messages one has the word. */
const RARITIES = [1, 3, 40, 700] as const

let world: World
beforeAll(async () => {
  world = await createWorld('migrated')
  const client = await world.pool.connect()
  await createReadSchema(client, 'read', 2)
  client.release()
})
afterAll(() => world.end())

const me = 'me' as UserId
/** A word has another name in each stretch, as in the index. */
const lexemes = {
  queries: (stretches, { all }) =>
    stretches.map(({ conversationId, stretch }) => `'${all[0]?.units[0]}-${conversationId}-${stretch}'`),
} as Pick<BlindLexemes, 'queries'> as BlindLexemes

/** Every fifth conversation was joined after its tenth message. */
const fixture = ([conversation, position]: Shape): string => `
  TRUNCATE read.conversations, read.members, read.messages, search.messages;
  CREATE TEMPORARY TABLE said ON COMMIT DROP AS
    SELECT (lpad(to_hex(${conversation}), 8, '0') || '-0000-4000-8000-000000000000')::uuid AS conversation_id, ${CONVERSATIONS} + ${position} AS position,
           row_number() OVER (PARTITION BY ${conversation} ORDER BY n)::int AS seq, (${conversation}) % 5 = 0 AS joined_late
    FROM generate_series(1, ${MESSAGES - 1}) n;
  INSERT INTO read.conversations (conversation_id, kind, started_by, started_at, started_position, last_seq,
      last_message_at, last_message_position, last_position)
    SELECT conversation_id, 'group', 'me', 1, min(position) - 1, count(*), 1, max(position), max(position) FROM said GROUP BY 1;
  INSERT INTO read.members (conversation_id, user_id, role, joined_seq, joined_at, joined_by, joined_position, history,
      delivered_seq, delivered_at, read_seq, own_after_delivered, own_after_read)
    SELECT conversation_id, 'me', 'member', CASE WHEN joined_late THEN 10 ELSE 0 END, 1, 'me', min(position),
      int4multirange(int4range(CASE WHEN joined_late THEN 11 ELSE 1 END, null)), 0, null, 0, 0, 0
    FROM said GROUP BY conversation_id, joined_late;
  INSERT INTO read.messages (conversation_id, seq, message_id, sender_id, device_id, nonce, client_at, at, body_hash, position)
    SELECT conversation_id, seq, sha256(position::text::bytea), 'me', 'phone', 'n', 1, 1, '\\x00', position FROM said;
  INSERT INTO search.messages
    SELECT conversation_id, seq, position, (
      SELECT string_agg(format('''one%s-%s-%s''', rarity, conversation_id, (seq - 1) / ${SIZE}), ' ')
      FROM unnest(ARRAY[${RARITIES}]) rarity WHERE hashint4(position::int) % rarity = 0
    )::tsvector
    FROM said;
  ANALYZE read.conversations, read.members, read.messages, search.messages;
`

const ORACLE = `
  SELECT position FROM search.messages said JOIN read.members me USING (conversation_id)
  WHERE seq <@ history AND position > $1 AND position < $2 AND hashint4(position::int) % $3 = 0
  ORDER BY position DESC LIMIT ${WINDOW}`

test.each(Object.entries(SHAPES))(
  '%s: a search finds the newest, window after window',
  async (_name, shape) => {
    await world.pool.query(fixture(shape))
    const { stretches } = await searchedStretches(world.pool, me, null, SIZE)
    for (const rarity of RARITIES) {
      const query = parseQuery(`one${rarity} `)
      let below = TOP
      for (let window = 0; window < 4; window++) {
        const find = (above: Position): Promise<readonly Candidate[]> =>
          newestCandidates(
            { pool: world.pool, lexemes },
            { userId: me, query, stretches },
            { above, below },
            WINDOW,
          )
        const found = (await find(BEGINNING)).map(({ position }) => position)
        const { rows } = await world.pool.query<{ position: string }>(ORACLE, [BEGINNING, below, rarity])
        expect(found).toEqual(rows.map(({ position }) => BigInt(position)))
        const [last] = found.slice(-1)
        if (last === undefined) break
        // The same window again, known now by both of its ends.
        const again = await find((last - 1n) as Position)
        expect(again.map(({ position }) => position)).toEqual(found)
        below = last
      }
    }
  },
)

/** The statements that a search takes to find its newest window. */
async function askedFor(word: string): Promise<string[]> {
  const { stretches } = await searchedStretches(world.pool, me, null, SIZE)
  const asked: string[] = []
  const query = (statement: pg.QueryConfig & { readonly name: string }) => {
    asked.push(statement.name)
    return world.pool.query(statement)
  }
  const pool = new Proxy(world.pool, {
    get: (pool, name) => (name === 'query' ? query : Reflect.get(pool, name)),
  })
  const searched = { userId: me, query: parseQuery(word), stretches }
  await newestCandidates({ pool, lexemes }, searched, { above: BEGINNING, below: TOP }, WINDOW)
  return asked
}

test('where all goes on side by side a frequent word is walked for, and a rare one looked up', async () => {
  await world.pool.query(fixture(SHAPES['all side by side']))
  expect(await askedFor('one3 ')).toEqual(['search candidates', 'messages walked'])
  expect(await askedFor('one700 ')).toEqual(['search candidates', 'search candidates', 'search candidates'])
})

test('messages between two memberships, which match and may not be read, take few looks', async () => {
  await world.pool.query(fixture(['0', 'n']))
  await world.pool.query("UPDATE read.members SET history = '{[1,1000],[14990,)}'")
  expect((await askedFor('one1 ')).length).toBeLessThanOrEqual(12)
})
