import { expect, test } from 'vitest'
import { coalesce } from '../../runtime/coalesce.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('what is added together, or while a batch is under way, goes in one batch', async () => {
  const batches: number[][] = []
  const numbers = coalesce<number, number>(100, async (items) => {
    batches.push([...items])
    await pause(10)
    return items.length
  })
  const first = [numbers.add(1), numbers.add(2)]
  await pause(2)
  const second = [3, 4, 5].map((n) => numbers.add(n))
  expect(numbers.pending).toBe(5)
  expect(await Promise.all([...first, ...second])).toEqual([2, 2, 3, 3, 3])
  await numbers.idle()
  expect(batches).toEqual([
    [1, 2],
    [3, 4, 5],
  ])
  expect(numbers.pending).toBe(0)
})

test('no batch is longer than its limit, and never two are under way', async () => {
  let running = 0
  const sizes: number[] = []
  const numbers = coalesce<number, void>(3, async (items) => {
    expect(++running).toBe(1)
    sizes.push(items.length)
    await pause(1)
    running--
  })
  await Promise.all([1, 2, 3, 4, 5, 6, 7].map((n) => numbers.add(n)))
  expect(sizes).toEqual([3, 3, 1])
})

test('a batch that fails rejects for those who are in it, and the next one runs', async () => {
  const numbers = coalesce<number, string>(1, async ([n]) => {
    if (n === 1) throw new Error('no')
    return 'yes'
  })
  const [failed, fine] = await Promise.allSettled([numbers.add(1), numbers.add(2)])
  expect(failed.status).toBe('rejected')
  expect(fine).toMatchObject({ value: 'yes' })
})
