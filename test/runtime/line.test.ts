/** Waiting in a line: first come, first served, and a place is handed on however the work ends. */
import { expect, test } from 'vitest'
import { createLine } from '../../runtime/line.ts'

test('so much is done at once, the rest in the order in which it came, also behind work that fails', async () => {
  const line = createLine(2)
  const begun: number[] = []
  const ends: (() => void)[] = []
  const work = (n: number) => () =>
    new Promise<number>((resolve, reject) => {
      begun.push(n)
      ends.push(() => (n === 1 ? reject(new Error('one failed')) : resolve(n)))
    })
  const all = Promise.allSettled([0, 1, 2, 3].map((n) => line.inTurn(work(n))))
  await Promise.resolve()
  expect([begun, line.waiting, line.isIdle]).toEqual([[0, 1], 2, false])
  ends[1]?.()
  await new Promise(setImmediate)
  expect([begun, line.waiting]).toEqual([[0, 1, 2], 1])
  ends[0]?.()
  await new Promise(setImmediate)
  expect([begun, line.waiting]).toEqual([[0, 1, 2, 3], 0])
  ends[2]?.()
  ends[3]?.()
  expect((await all).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
  expect(line.isIdle).toBe(true)
})
