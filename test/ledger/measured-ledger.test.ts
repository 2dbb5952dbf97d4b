/** A ledger that can be read and not be written is not well. */
import { expect, onTestFinished, test, vi } from 'vitest'
import type { AppendOutcome, Ledger, Revision, StreamName } from '../../ledger/ledger.ts'
import { measureAppends } from '../../ledger/measured-ledger.ts'
import { createMetrics } from '../../runtime/metrics.ts'

function given() {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const outcomes: (AppendOutcome | Promise<AppendOutcome>)[] = []
  const ledger = { append: async () => outcomes.shift(), ping: async () => {} } as unknown as Ledger
  const measured = measureAppends(ledger, createMetrics('api'))
  return {
    isWell: () =>
      measured.ping().then(
        () => true,
        () => false,
      ),
    append: (outcome: AppendOutcome | Promise<AppendOutcome>) => {
      outcomes.push(outcome)
      return measured.append('stream' as StreamName, [], -1 as Revision)
    },
  }
}

const WRITTEN = { kind: 'written', revision: 0, position: 1n } as AppendOutcome
const CONFLICT = { kind: 'conflict', actual: 3 } as AppendOutcome
const REFUSED: AppendOutcome = { kind: 'refused', retryable: true, cause: new Error('the disk is full') }
const AMBIGUOUS: AppendOutcome = { kind: 'ambiguous', cause: new Error('cut') }

test('after an append that failed, until another gets through', async () => {
  const { isWell, append } = given()
  expect(await isWell()).toBe(true)
  for (const failed of [REFUSED, AMBIGUOUS]) {
    await append(failed)
    expect(await isWell()).toBe(false)
    for (const answered of [WRITTEN, CONFLICT]) {
      await append(answered)
      expect(await isWell()).toBe(true)
    }
  }
})

test('but not after one that was refused for what it was, which makes nothing well either', async () => {
  const { isWell, append } = given()
  const refused: AppendOutcome = { kind: 'refused', retryable: false, cause: new Error('too large') }
  await append(refused)
  expect(await isWell()).toBe(true)
  await append(AMBIGUOUS)
  await append(refused)
  expect(await isWell()).toBe(false)
})

test('for a while, where nobody appends any more: who is asked nothing cannot show that it works again', async () => {
  const { isWell, append } = given()
  await append(REFUSED)
  await vi.advanceTimersByTimeAsync(9_000)
  expect(await isWell()).toBe(false)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(await isWell()).toBe(true)
})

test('while an append has had no answer for seconds', async () => {
  const { isWell, append } = given()
  let answer = (_: AppendOutcome) => {}
  const appended = append(new Promise<AppendOutcome>((resolve) => (answer = resolve)))
  await vi.advanceTimersByTimeAsync(4_000)
  expect(await isWell()).toBe(true)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(await isWell()).toBe(false)
  answer(WRITTEN)
  await appended
  expect(await isWell()).toBe(true)
})
