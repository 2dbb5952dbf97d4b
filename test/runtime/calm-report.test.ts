import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createCalmReport, reportErrors } from '../../runtime/calm-report.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function reporting() {
  const lines: { err: Error; more?: number }[] = []
  const report = createCalmReport((about) => lines.push(about as (typeof lines)[0]), 'something broke')
  return { report, told: () => lines.splice(0).map(({ err, more }) => [err.message, more]) }
}

test('of an outage the first failure is told at once, and the others as a number, each ten seconds', async () => {
  const { report, told } = reporting()
  for (let second = 0; second < 25; second++) {
    for (let n = 0; n < 100; n++) report(new Error(`no answer within ${second} ms`))
    await vi.advanceTimersByTimeAsync(1_000)
  }
  expect(told()).toEqual([
    ['no answer within 0 ms', undefined],
    ['no answer within 9 ms', 999],
    ['no answer within 19 ms', 1_000],
  ])
})

test('when it is over that is the end of it, and the next is told at once again', async () => {
  const { report, told } = reporting()
  report(new Error('gone'))
  await vi.advanceTimersByTimeAsync(60_000)
  expect(told()).toEqual([['gone', undefined]])
  report(new Error('gone'))
  expect(told()).toEqual([['gone', undefined]])
})

test('another kind of failure is told at once', () => {
  const { report, told } = reporting()
  report(new Error('gone'))
  report(Object.assign(new Error('the server closes'), { code: '57P01' }))
  report(Object.assign(new Error('the server has closed'), { code: '57P01' }))
  report(new TypeError('a bug'))
  expect(told().map(([message]) => message)).toEqual(['gone', 'the server closes', 'a bug'])
})

test('failures that are all different are soon told together', async () => {
  const { report, told } = reporting()
  const letters = (n: number) => String.fromCodePoint(0x4e00 + n)
  for (let n = 0; n < 500; n++) report(new Error(letters(n)))
  expect(told()).toHaveLength(51)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(told()).toEqual([[letters(499), 449]])
})

test('what is no fault of anything is a warning', () => {
  const lines: string[] = []
  const log = {
    error: ({ err }: { err: Error }, text: string) => lines.push(`error ${text}: ${err.message}`),
    warn: ({ err }: { err: Error }, text: string) => lines.push(`warn ${text}: ${err.message}`),
  } as unknown as Parameters<typeof reportErrors>[0]
  const report = reportErrors(log, 'it broke', (error) => error instanceof RangeError)
  report(new RangeError('once more'))
  report(new Error('broken'))
  expect(lines).toEqual(['warn it broke: once more', 'error it broke: broken'])
})
