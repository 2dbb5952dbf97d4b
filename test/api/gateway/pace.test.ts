import { expect, test } from 'vitest'
import { createPace } from '../../../api/gateway/pace.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('of many at once so many go in each turn of the event loop, in their order, and none is forgotten', async () => {
  const pace = createPace(3, 100)
  const gone: number[] = []
  const go = (number: number) => pace()?.then(() => gone.push(number))
  for (let number = 0; number < 7; number++) void go(number)
  expect(gone).toEqual([])
  await turn()
  expect(gone).toEqual([0, 1, 2])
  void go(7)
  await turn()
  expect(gone).toEqual([0, 1, 2, 3, 4, 5])
  await turn()
  expect(gone).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  void go(8)
  await turn()
  expect(gone.at(-1)).toBe(8)
})

test('when as many wait as may, whoever comes is told so, until there is room again', async () => {
  const pace = createPace(2, 3)
  const waiting = [pace(), pace(), pace()]
  expect(pace()).toBeUndefined()
  await turn()
  await Promise.all(waiting.slice(0, 2))
  const again = [pace(), pace()]
  for (const one of again) expect(one).toBeInstanceOf(Promise)
  expect(pace()).toBeUndefined()
  await Promise.all([...waiting, ...again])
})
