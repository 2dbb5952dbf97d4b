import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import type { Session } from '../../../api/gateway/session.ts'
import { createWatches, type WatchesDeps } from '../../../api/presence/watches.ts'
import type { Whereabouts } from '../../../api/presence/whereabouts.ts'
import type { Millis, UserId } from '../../../domain/ids.ts'

const BOB = 'bob' as UserId
const CARL = 'carl' as UserId

interface Watcher extends Session {
  readonly frames: { userId: string; online: boolean; lastSeen: number | null }[]
}

function watcher(name: string, privacy: 'shared' | 'hidden' = 'shared'): Watcher {
  const frames: Watcher['frames'] = []
  return {
    userId: name,
    mode: 'live',
    backlog: 0,
    attendance: { privacy: { lastSeen: privacy, readReceipts: 'shared' } },
    send: (json: string) => frames.push(JSON.parse(json)),
    frames,
  } as unknown as Watcher
}

let open: (() => void)[] = []
afterEach(() => {
  for (const close of open) close()
  open = []
})

/** Everybody knows everybody, and is as `world` says. */
function given(more: Partial<WatchesDeps> = {}) {
  const world = new Map<UserId, Whereabouts>()
  const is = (userId: UserId, online: boolean, lastSeen = 1, hidesLastSeen = false) =>
    world.set(userId, { online, lastSeen: lastSeen as Millis, hidesLastSeen })
  is(BOB, false)
  is(CARL, false)
  const find = vi.fn(
    async (userIds: readonly UserId[]) => new Map(userIds.map((id) => [id, world.get(id) as Whereabouts])),
  )
  const watches = createWatches({
    find,
    acquaintances: async (_, others) => new Set(others),
    allows: () => true,
    report: (error) => {
      throw error
    },
    ...more,
  })
  open.push(watches.close)
  return { watches, is, find }
}

const onlineOf = ({ frames }: Watcher) => frames.map(({ online }) => online)
const until = (check: () => void) => vi.waitFor(check, { timeout: 20_000 })

test('a thousand watchers of somebody who flaps are told once a second each, and all of them the last state', async () => {
  const { watches, is, find } = given()
  const watchers = Array.from({ length: 1000 }, (_, n) => watcher(`w${n}`))
  for (const one of watchers) watches.watch(one, [BOB])
  await until(() => expect(watchers.every(({ frames }) => frames.length === 1)).toBe(true))
  find.mockClear()
  const since = performance.now()
  for (let n = 0; n <= 100; n++) {
    is(BOB, n % 2 === 0, n)
    watches.moved([BOB])
    await sleep(20)
  }
  await until(() => expect(watchers.every((one) => onlineOf(one).at(-1) === true)).toBe(true))
  const seconds = Math.ceil((performance.now() - since) / 1000)
  for (const { frames } of watchers) expect(frames.length).toBeLessThanOrEqual(seconds + 2)
  // One look-up for all of them, not one each.
  expect(find.mock.calls.length).toBeLessThanOrEqual(seconds + 1)
})

test('what did not change is not told again, and while somebody is online it is no news when they were seen', async () => {
  const { watches, is } = given({ paceMs: 10 })
  const one = watcher('one')
  watches.watch(one, [BOB])
  await until(() => expect(one.frames).toHaveLength(1))
  is(BOB, true, 5)
  watches.moved([BOB])
  await until(() => expect(one.frames).toHaveLength(2))
  is(BOB, true, 9)
  watches.moved([BOB])
  watches.recheck(one, BOB)
  await sleep(100)
  is(BOB, false, 9)
  watches.moved([BOB])
  await until(() => expect(one.frames).toHaveLength(3))
  expect(one.frames.map(({ online, lastSeen }) => [online, lastSeen])).toEqual([
    [false, 1],
    [true, 5],
    [false, 9],
  ])
})

test('who hides when they were last seen shows it to nobody, and is not shown that of others', async () => {
  const { watches, is } = given()
  is(CARL, false, 7, true)
  const [shares, hides] = [watcher('shares'), watcher('hides', 'hidden')]
  const carl = watcher('carl', 'hidden')
  for (const one of [shares, hides, carl]) watches.watch(one, [BOB, CARL])
  await until(() => expect([shares, hides, carl].every(({ frames }) => frames.length === 2)).toBe(true))
  const shown = ({ frames }: Watcher) =>
    Object.fromEntries(frames.map(({ userId, lastSeen }) => [userId, lastSeen]))
  expect(shown(shares)).toEqual({ bob: 1, carl: null })
  expect(shown(hides)).toEqual({ bob: null, carl: null })
  // One's own time is no secret to oneself.
  expect(shown(carl)).toEqual({ bob: null, carl: 7 })
})

test('under load nothing is told; when there is room again, the state of then', async () => {
  let busy = false
  const { watches, is } = given({ allows: () => !busy, paceMs: 20 })
  const one = watcher('one')
  watches.watch(one, [BOB])
  await until(() => expect(one.frames).toHaveLength(1))
  busy = true
  for (const online of [true, false, true]) {
    is(BOB, online, 3)
    watches.moved([BOB])
    await sleep(50)
  }
  expect(one.frames).toHaveLength(1)
  busy = false
  await until(() => expect(onlineOf(one)).toEqual([false, true]))
})

test('what could not be found out is tried again, and a watcher who reads slowly is told later', async () => {
  const { watches, is, find } = given({ paceMs: 20, report: () => {} })
  const one = watcher('one') as Watcher & { backlog: number }
  find.mockImplementationOnce(() => Promise.reject(new Error('gone')))
  watches.watch(one, [BOB])
  await until(() => expect(one.frames).toHaveLength(1))
  one.backlog = 10_000_000
  is(BOB, true)
  watches.moved([BOB])
  await sleep(100)
  expect(one.frames).toHaveLength(1)
  one.backlog = 0
  await until(() => expect(onlineOf(one)).toEqual([false, true]))
})

test('who moves while a watcher is being greeted is told of as they were, and then as they are', async () => {
  const { watches, is, find } = given({ paceMs: 20 })
  const one = watcher('one')
  find.mockImplementationOnce(async (userIds) => {
    const before = new Map(
      userIds.map((id) => [id, { online: false, lastSeen: 1 as Millis, hidesLastSeen: false }]),
    )
    await sleep(100)
    return before
  })
  watches.watch(one, [BOB])
  await until(() => expect(find).toHaveBeenCalledOnce())
  is(BOB, true)
  watches.moved([BOB])
  await until(() => expect(onlineOf(one)).toEqual([false, true]))
})

test('who is gone, or watches others now, is told nothing more', async () => {
  const { watches, is } = given({ paceMs: 10 })
  const [gone, other] = [watcher('gone'), watcher('other')]
  for (const one of [gone, other]) watches.watch(one, [BOB])
  await until(() => expect([gone, other].every(({ frames }) => frames.length === 1)).toBe(true))
  watches.remove(gone)
  watches.watch(other, [CARL])
  await until(() => expect(other.frames).toHaveLength(2))
  is(BOB, true)
  is(CARL, true)
  watches.moved([BOB, CARL])
  await until(() => expect(other.frames).toHaveLength(3))
  expect(gone.frames).toHaveLength(1)
  expect(other.frames.map(({ userId }) => userId)).toEqual(['bob', 'carl', 'carl'])
})

test('who watches nobody any more while being greeted is told nothing', async () => {
  const { watches, find } = given({ paceMs: 10 })
  const [one, other] = [watcher('one'), watcher('other')]
  let answer = () => {}
  find.mockImplementationOnce(async (userIds) => {
    await new Promise<void>((resolve) => {
      answer = resolve
    })
    return new Map(userIds.map((id) => [id, { online: false, lastSeen: 1 as Millis, hidesLastSeen: false }]))
  })
  watches.watch(one, [BOB])
  await until(() => expect(find).toHaveBeenCalledOnce())
  watches.watch(other, [BOB])
  watches.watch(one, [])
  answer()
  await until(() => expect(other.frames).toHaveLength(1))
  await sleep(50)
  expect(one.frames).toEqual([])
})

test('who moves and is watched by strangers only is not looked up', async () => {
  const { watches, find } = given({ paceMs: 10, acquaintances: async () => new Set() })
  const one = watcher('one')
  watches.watch(one, [BOB, CARL])
  await until(() => expect(find).toHaveBeenCalledOnce())
  watches.movedAll()
  watches.moved([BOB])
  await sleep(50)
  expect(find).toHaveBeenCalledOnce()
  expect(one.frames).toEqual([])
})

test('of very many who move at once all are told, so many at a time', async () => {
  const { watches, is, find } = given({ paceMs: 10 })
  const people = Array.from({ length: 1_200 }, (_, n) => `p${n}` as UserId)
  for (const userId of people) is(userId, false)
  const watchers = [people.slice(0, 500), people.slice(500, 1_000), people.slice(1_000)].map((list, n) => {
    const one = watcher(`w${n}`)
    watches.watch(one, list)
    return { one, list }
  })
  await until(() => expect(watchers.every(({ one, list }) => one.frames.length === list.length)).toBe(true))
  // Past the pace of the last greeting: all are due at once.
  await sleep(50)
  find.mockClear()
  for (const userId of people) is(userId, true)
  watches.movedAll()
  await until(() =>
    expect(watchers.every(({ one, list }) => one.frames.length === 2 * list.length)).toBe(true),
  )
  const sizes = find.mock.calls.map(([asked]) => asked.length)
  expect(Math.max(...sizes)).toBe(500)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(1_200)
})

test('nobody was last seen at a time that is still to come, and until then that is told once', async () => {
  const { watches, is } = given({ paceMs: 10 })
  const one = watcher('one')
  const ahead = Date.now() + 3_600_000
  is(BOB, false, ahead)
  watches.watch(one, [BOB])
  await until(() => expect(one.frames).toHaveLength(1))
  expect(one.frames[0]?.lastSeen).toBeLessThan(ahead - 1_800_000)
  watches.movedAll()
  watches.moved([BOB])
  await sleep(100)
  is(BOB, false, 5)
  watches.moved([BOB])
  await until(() => expect(one.frames.at(-1)?.lastSeen).toBe(5))
  expect(one.frames).toHaveLength(2)
})

test('who comes or goes is looked up anew for those who watch them, and for nobody else; for themselves, everybody is', async () => {
  const acquaintances = vi.fn(async (_: UserId, others: readonly UserId[]) => new Set(others))
  const { watches } = given({ acquaintances })
  const [one, carl] = [watcher('one'), watcher('carl')]
  watches.watch(one, [BOB])
  watches.watch(carl, [BOB])
  await until(() => expect([...one.frames, ...carl.frames]).toHaveLength(2))
  acquaintances.mockClear()
  for (const session of [one, carl]) watches.recheck(session, CARL)
  for (const session of [one, carl]) watches.recheck(session, BOB)
  await until(() => expect(acquaintances.mock.calls.length).toBeGreaterThanOrEqual(3))
  await sleep(50)
  expect(acquaintances.mock.calls.map(([userId]) => userId).sort()).toEqual(['carl', 'carl', 'one'])
})
