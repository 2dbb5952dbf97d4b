import { expect, test } from 'vitest'
import { createPace } from '../../../api/gateway/pace.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))
const isThere = () => false

function begin(mostWaiting = 100) {
  let now = 0
  const pace = createPace({ everyMs: 4, mostATurn: 3, mostWaiting }, () => now)
  const gone: number[] = []
  return {
    pace,
    gone,
    go: (number: number, isGone = isThere) => void pace(isGone)?.then(() => gone.push(number)),
    /** The next turn, after one that took so long. */
    turnAfter: async (ms: number) => {
      now += ms
      await turn()
    },
  }
}

test('of many at once one goes in a short turn of the event loop, more in a long one, in their order, and none is forgotten', async () => {
  const { gone, go, turnAfter } = begin()
  for (let number = 0; number < 9; number++) go(number)
  expect(gone).toEqual([])
  await turnAfter(1)
  expect(gone).toEqual([0])
  await turnAfter(8)
  expect(gone).toEqual([0, 1, 2])
  go(9)
  await turnAfter(1_000)
  expect(gone).toEqual([0, 1, 2, 3, 4, 5])
  for (let i = 0; i < 4; i++) await turnAfter(0)
  expect(gone).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  go(10)
  await turnAfter(0)
  expect(gone.at(-1)).toBe(10)
})

test('who is gone takes nobody’s turn', async () => {
  const { gone, go, turnAfter } = begin()
  go(0)
  for (let number = 1; number <= 20; number++) go(number, () => true)
  go(21)
  await turnAfter(1)
  expect(gone).toEqual([0])
  await turnAfter(1)
  expect(gone.at(-1)).toBe(21)
  expect(gone).toHaveLength(22)
})

test('when as many wait as may, whoever comes is told so, until there is room again', async () => {
  const { pace, turnAfter } = begin(3)
  const waiting = [pace(isThere), pace(isThere), pace(isThere)]
  expect(pace(isThere)).toBeUndefined()
  await turnAfter(8)
  await Promise.all(waiting.slice(0, 2))
  const again = [pace(isThere), pace(isThere)]
  for (const one of again) expect(one).toBeInstanceOf(Promise)
  expect(pace(isThere)).toBeUndefined()
  for (let i = 0; i < 3; i++) await turnAfter(0)
  await Promise.all([...waiting, ...again])
})
