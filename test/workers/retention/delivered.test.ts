/** What is delivered to all, by the two members who are furthest behind: for the worker that destroys it, and for who reads. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { destroyDelivered } from '../../../workers/retention/due-bodies.ts'
import type { World } from '../../projections/support/world.ts'
import {
  blocked,
  conversation,
  createReadWorld,
  destroyAll,
  type Member,
  readableIn,
  type Waiting,
  wait,
  waitingIn,
} from './kit.ts'

let world: World

beforeAll(async () => {
  world = await createReadWorld()
})
afterAll(() => world.end())

const [alice, bob, carl] = ['alice', 'bob', 'carl'] as const
let conversations = 0

/** Of the messages 1, 2 … by these senders: the seqs that still wait, which are those that may be read. */
async function stillWaiting(
  members: readonly Member[],
  senders: readonly (string | Waiting)[],
): Promise<number[]> {
  const id = conversation(++conversations)
  const bodies = senders.map((by, index) => (typeof by === 'string' ? { seq: index + 1, by } : by))
  await wait(world.pool, id, members, bodies)
  const readable = await readableIn(world.pool, id)
  await destroyAll(world.pool, [id], 2)
  const waiting = await waitingIn(world.pool, id)
  expect(readable).toEqual(waiting)
  return waiting
}

test('a body waits for the member who is furthest behind', async () => {
  const members = [
    { who: alice, has: 4 },
    { who: bob, has: 1 },
    { who: carl, has: 3 },
  ]
  expect(await stillWaiting(members, [alice, alice, alice, alice])).toEqual([2, 3, 4])
})

test('who is furthest behind does not keep what they sent, for the others have it up to the second', async () => {
  const members = [
    { who: alice, has: 0 },
    { who: bob, has: 3 },
    { who: carl, has: 4 },
  ]
  expect(await stillWaiting(members, [alice, bob, alice, alice, carl])).toEqual([2, 4, 5])
})

test('of two who are equally far behind, each waits for the other', async () => {
  const members = [
    { who: alice, has: 2 },
    { who: bob, has: 2 },
    { who: carl, has: 4 },
  ]
  expect(await stillWaiting(members, [alice, bob, alice, bob, carl])).toEqual([3, 4, 5])
})

test('a sender who left has sent to all who are there, and is waited for by nobody', async () => {
  const members = [
    { who: alice, has: 0, left: true },
    { who: bob, has: 2 },
    { who: carl, has: 3 },
  ]
  expect(await stillWaiting(members, [alice, alice, alice, carl])).toEqual([3, 4])
})

test('a body waits for nobody when nobody else is left', async () => {
  const alone = [
    { who: alice, has: 0 },
    { who: bob, has: 0, left: true },
  ]
  expect(await stillWaiting(alone, [alice, alice])).toEqual([])
  // But what who left has sent waits for who is alone.
  expect(await stillWaiting(alone, [alice, bob])).toEqual([2])
  expect(await stillWaiting([{ who: alice, has: 0, left: true }], [alice, bob])).toEqual([])
})

test('of a message that is not projected nothing is known, and its body waits', async () => {
  const members = [
    { who: alice, has: 9 },
    { who: bob, has: 9 },
  ]
  expect(await stillWaiting(members, [alice, { seq: 2, by: alice, projected: false }, bob])).toEqual([2])
})

test('whoever the members and whatever they have: gone is what each current member but its sender has', async () => {
  let state = 7
  const upTo = (most: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * (most + 1))
  }
  const people = [alice, bob, carl, 'dora', 'emil']
  const cases = Array.from({ length: 120 }, () => ({
    id: conversation(++conversations),
    members: people.slice(0, upTo(5)).map((who): Member => ({ who, has: upTo(6), left: upTo(3) === 0 })),
    bodies: Array.from(
      { length: 6 },
      (_, index): Waiting => ({ seq: index + 1, by: people[upTo(4)] as string, projected: upTo(9) > 0 }),
    ),
  }))
  for (const { id, members, bodies } of cases) await wait(world.pool, id, members, bodies)
  const expected = cases.map(({ members, bodies }) =>
    bodies
      .filter(
        ({ seq, by, projected }) =>
          !projected || members.some(({ who, has, left }) => !left && who !== by && has < seq),
      )
      .map(({ seq }) => seq),
  )
  const readable = []
  for (const { id } of cases) readable.push(await readableIn(world.pool, id))
  expect(readable).toEqual(expected)
  const ids = cases.map(({ id }) => id)
  const waiting = expected.flat().length
  expect(await destroyAll(world.pool, ids, 7)).toBe(cases.length * 6 - waiting)
  expect(await Promise.all(ids.map((id) => waitingIn(world.pool, id)))).toEqual(expected)
})

const ALL_HAVE_IT = [
  { who: alice, has: 1_000 },
  { who: bob, has: 1_000 },
]

test('several workers at once destroy each body once, and none of them leaves one', async () => {
  const ids = [conversation(++conversations), conversation(++conversations)]
  for (const id of ids) {
    await wait(
      world.pool,
      id,
      ALL_HAVE_IT,
      Array.from({ length: 300 }, (_, index) => ({ seq: index + 1, by: index % 2 ? alice : bob })),
    )
  }
  const destroyed = await Promise.all(Array.from({ length: 4 }, () => destroyAll(world.pool, ids, 20)))
  expect(destroyed.reduce((sum, some) => sum + some)).toBe(600)
  for (const id of ids) expect(await waitingIn(world.pool, id)).toEqual([])
})

test('what another worker is about to destroy counts as found, whether it does or dies', async () => {
  for (const end of ['COMMIT', 'ROLLBACK']) {
    const id = conversation(++conversations)
    await wait(
      world.pool,
      id,
      ALL_HAVE_IT,
      [1, 2, 3].map((seq) => ({ seq, by: alice })),
    )
    const other = await world.pool.connect()
    await other.query('BEGIN')
    await other.query(
      "UPDATE ledger.temporary_bodies SET sealed = NULL, gone = 'delivered' WHERE conversation_id = $1 AND seq < 3",
      [id],
    )
    const answer = destroyDelivered(world.pool, [id], 2)
    await expect.poll(() => blocked(world.pool)).toHaveLength(1)
    await other.query(end)
    other.release()
    // A page that was full: there may be more.
    const gone = end === 'COMMIT' ? [] : ['delivered', 'delivered']
    expect(await answer).toEqual({ destroyed: gone, full: true })
    expect(await destroyAll(world.pool, [id], 2)).toBe(1)
  }
})
