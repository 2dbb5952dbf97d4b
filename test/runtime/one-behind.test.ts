import { expect, test } from 'vitest'
import { oneBehind } from '../../runtime/one-behind.ts'

test('whoever asks gets a run that began after they asked, and shares it with all who asked before it began', async () => {
  const runs: { readonly settle: (error?: Error) => void }[] = []
  const ask = oneBehind(
    () =>
      new Promise<void>((resolve, reject) => {
        runs.push({ settle: (error) => (error ? reject(error) : resolve()) })
      }),
  )
  const first = ask()
  const others = [ask(), ask(), ask()]
  expect(runs).toHaveLength(1)
  runs[0]?.settle(new Error('no'))
  await expect(first).rejects.toThrow('no')
  await new Promise(setImmediate)
  expect(runs).toHaveLength(2)
  const late = ask()
  runs[1]?.settle()
  await Promise.all(others)
  await new Promise(setImmediate)
  expect(runs).toHaveLength(3)
  runs[2]?.settle()
  await late
  const alone = ask()
  expect(runs).toHaveLength(4)
  runs[3]?.settle()
  await alone
})
