/** That neither the worker nor a reader looks at bodies that go on waiting, however many they are. */
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MessageId, Millis } from '../../../domain/ids.ts'
import type { Database } from '../../../projections/queries/statement.ts'
import { readableBodies } from '../../../projections/queries/temporary-bodies.ts'
import { destroyDelivered } from '../../../workers/retention/due-bodies.ts'
import type { World } from '../../projections/support/world.ts'
import { asRecord, conversation, createReadWorld, wait } from './kit.ts'

let world: World
let page: { readonly messageId: MessageId; readonly hash: string }[]
const [busy, BODIES] = [conversation(0xffff), 20_000]

/** One conversation of 1,000 with 20,000 bodies, which all but one have; and 300 quiet pairs, of which nobody has anything. */
beforeAll(async () => {
  world = await createReadWorld()
  const crowd = Array.from({ length: 1_000 }, (_, n) => ({ who: `user${n}`, has: n === 999 ? 0 : BODIES }))
  const bodies = Array.from({ length: BODIES }, (_, n) => ({ seq: n + 1, by: `user${n % 500}` }))
  await wait(world.pool, busy, crowd, bodies)
  for (let n = 1; n <= 300; n++) {
    const pair = ['hub', `user${n}`].map((who) => ({ who, has: 0 }))
    await wait(world.pool, conversation(n), pair, [{ seq: 1, by: 'hub' }])
  }
  const { rows } = await world.pool.query(
    `SELECT encode(message_id, 'hex') AS "messageId", encode(body_hash, 'hex') AS hash
     FROM ledger.temporary_bodies WHERE conversation_id = $1 ORDER BY seq DESC LIMIT 50`,
    [busy],
  )
  page = rows
})
afterAll(() => world.end())

interface Plan {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Cond'?: string
  readonly 'Actual Rows'?: number
  readonly 'Actual Loops'?: number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly Plan[]
}

const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)]
const LARGE = new Set(['temporary_bodies', 'messages', 'members'])

/** What was done for its values, and what would be for any. */
async function plansOf(ask: (db: Database) => Promise<unknown>): Promise<{ ran: Plan[]; generic: Plan[] }> {
  const plans = { ran: [] as Plan[], generic: [] as Plan[] }
  const db = {
    async query({ text, values }: pg.QueryConfig) {
      const ran = await world.pool.query(`EXPLAIN (FORMAT JSON, ANALYZE) ${text}`, values)
      const generic = await world.pool.query(`EXPLAIN (FORMAT JSON, GENERIC_PLAN) ${text}`)
      plans.ran.push(...nodes(ran.rows[0]['QUERY PLAN'][0].Plan))
      plans.generic.push(...nodes(generic.rows[0]['QUERY PLAN'][0].Plan))
      return { rows: [] }
    },
  }
  await ask(db as unknown as Database)
  return plans
}

const scannedWhole = (plans: readonly Plan[]) =>
  plans.filter((node) => node['Node Type'] === 'Seq Scan' && LARGE.has(node['Relation Name'] as string))
const of = (plans: readonly Plan[], relation: string) =>
  plans.filter((node) => node['Relation Name'] === relation && node['Node Type'] !== 'ModifyTable')

// A young table has no statistics yet.
describe.each(['without statistics', 'with statistics'])('%s', (kind) => {
  beforeAll(async () => {
    if (kind === 'with statistics')
      await world.pool.query('ANALYZE read.members, read.messages, ledger.temporary_bodies')
  })

  test('what is delivered is found by ranges, and of what waits not one body is looked at', async () => {
    const ids = [busy, ...Array.from({ length: 49 }, (_, n) => conversation(n + 1))]
    const { ran, generic } = await plansOf((db) => destroyDelivered(db, ids, 500))
    expect([...scannedWhole(ran), ...scannedWhole(generic)]).toEqual([])
    for (const plans of [ran, generic]) {
      const ranges = of(plans, 'temporary_bodies').map((node) => node['Index Cond'] ?? '')
      expect(ranges.filter((range) => /conversation_id = .* AND \(?seq <= /.test(range))).not.toEqual([])
      expect(
        ranges.filter((range) => /sender_id = .* AND \(?seq > .* AND \(?seq <= /.test(range)),
      ).not.toEqual([])
    }
    for (const node of of(ran, 'temporary_bodies')) {
      expect(node['Actual Rows'] ?? 0).toBe(0)
      expect(node['Rows Removed by Filter'] ?? 0).toBe(0)
    }
    // The members of each conversation are gone through once.
    expect(of(ran, 'members').map((node) => node['Actual Loops'])).toEqual([ids.length])
  })

  test('a page of bodies is read with one walk over the members of its conversation', async () => {
    const { ran, generic } = await plansOf((db) => readableBodies(db, page.map(asRecord(busy)), 1 as Millis))
    expect([...scannedWhole(ran), ...scannedWhole(generic)]).toEqual([])
    expect(of(ran, 'members').map((node) => node['Actual Loops'])).toEqual([1])
  })
})
