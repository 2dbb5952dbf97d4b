/** How far down a search looks next, and by which way. */
import { expect, test } from 'vitest'
import { allMessagesWithin, costOfIndex, costOfWalk, deepEnough } from '../../../api/search/outlook.ts'
import type { ConversationId } from '../../../domain/ids.ts'
import { parseQuery } from '../../../domain/search/query.ts'
import type { Position } from '../../../ledger/ledger.ts'
import type { SearchedStretch } from '../../../projections/queries/searched-stretches.ts'

const at = (position: number): Position => BigInt(position) as Position
const stretch = (messages: number, after: number, newest: number): SearchedStretch => ({
  conversationId: `${newest}` as ConversationId,
  stretch: 0,
  messages,
  after: at(after),
  newest: at(newest),
})
const depth = (from: number, to: number) => ({ from: at(from), to: at(to) })

test('of a stretch that is reached in part its part of the messages is counted', () => {
  const stretches = [stretch(100, 0, 1_000), stretch(10, 900, 1_000), stretch(7, 0, 100)]
  expect(allMessagesWithin(stretches, depth(0, 1_000))).toBe(117)
  expect(allMessagesWithin(stretches, depth(500, 1_000))).toBe(60)
  expect(allMessagesWithin(stretches, depth(500, 950))).toBe(50)
  expect(allMessagesWithin(stretches, depth(1_000, 2_000))).toBe(0)
})

test('it goes down to where half as many again as are wanted are expected, by how often it matched', () => {
  const sideBySide = Array.from({ length: 100 }, (_, n) => stretch(100, 0, 10_000 - n))
  const often = { messages: 1_000, matches: 100 }
  // One in ten of 10,000 messages on 10,000 positions: 75 on the newest 750.
  expect(Number(deepEnough(sideBySide, depth(0, 10_000), often, [], 50))).toBeCloseTo(9_250, -2)
  const known = Array.from({ length: 25 }, (_, n) => ({ position: at(9_999 - n) }))
  expect(Number(deepEnough(sideBySide, depth(0, 10_000), often, known, 50))).toBeCloseTo(9_500, -2)
})

test('it goes down to the end where there are too few, and where nothing matched', () => {
  const stretches = [stretch(100, 0, 1_000)]
  expect(deepEnough(stretches, depth(10, 1_000), { messages: 10, matches: 1 }, [], 50)).toBe(at(10))
  expect(deepEnough(stretches, depth(10, 1_000), { messages: 10, matches: 0 }, [], 50)).toBe(at(10))
})

test('a frequent word is walked for where many conversations go on side by side, and looked up in one that does alone, or where it is rare', () => {
  const query = parseQuery('word ')
  const sideBySide = Array.from({ length: 500 }, (_, n) => stretch(1_000, 0, 100_000 - n))
  const alone = [stretch(100, 99_000, 100_000)]
  const [often, seldom] = [
    { messages: 1_000, matches: 200 },
    { messages: 1_000, matches: 0 },
  ]
  const isWalked = (stretches: readonly SearchedStretch[], looked: typeof often, from: number): boolean =>
    costOfWalk(stretches, depth(from, 100_000)) < costOfIndex(stretches, looked, query)
  expect(isWalked(sideBySide, often, 99_900)).toBe(true)
  expect(isWalked(alone, often, 99_000)).toBe(false)
  expect(isWalked(sideBySide, seldom, 0)).toBe(false)
})
