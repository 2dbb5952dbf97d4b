/** What a node does with sends while its ledger, or the node itself, stands still for a moment: simulated, a millisecond a step. */
import { expect, test } from 'vitest'
import { createLoad } from '../../../api/load/load.ts'
import { createMetrics } from '../../../runtime/metrics.ts'

interface Run {
  /** Sends that come a second, and that the ledger can answer a second. */
  readonly offered: number
  readonly capacity: number
  readonly stillMs: number
  /** While the node stands still, what comes waits in the buffers of the kernel. */
  readonly what: 'ledger' | 'node'
}

/** Ten seconds of calm, the standstill, and ten seconds after it. */
function run({ offered, capacity, stillMs, what }: Run): { refused: number; longestMs: number } {
  let now = 1_000_000
  const load = createLoad(createMetrics('test'), () => now)
  const underWay: { readonly answered: () => void; readonly since: number }[] = []
  let refused = 0
  let longestMs = 0
  let arrived = 0
  let room = 0
  for (let ms = 0; ms < 20_000 + stillMs; ms++) {
    now++
    arrived += offered / 1000
    const isStill = ms >= 10_000 && ms < 10_000 + stillMs
    if (isStill && what === 'node') continue
    for (; arrived >= 1; arrived--) {
      if (load.allows('send')) underWay.push({ answered: load.began(), since: now })
      else refused++
    }
    // A commit each 10 ms, of what waits for 8 ms at least.
    room = isStill ? 0 : Math.min(room + capacity / 1000, capacity / 20)
    while (ms % 10 === 0 && room >= 1 && underWay[0] && now - underWay[0].since >= 8) {
      longestMs = Math.max(longestMs, now - underWay[0].since)
      underWay.shift()?.answered()
      room--
    }
    if (ms % 100 === 0) load.sample()
  }
  load.close()
  return { refused, longestMs }
}

test('at half of what a node can answer nobody is refused because its ledger stood still for 0.7 s', () => {
  for (const [offered, stillMs] of [
    [950, 700],
    [3_000, 700],
  ] as const) {
    const { refused, longestMs } = run({ offered, capacity: 2 * offered, stillMs, what: 'ledger' })
    expect(refused).toBe(0)
    expect(longestMs).toBeLessThan(1_000)
  }
})

test('… nor because the node stood still itself', () => {
  expect(run({ offered: 950, capacity: 1_900, stillMs: 700, what: 'node' }).refused).toBe(0)
})

test('a standstill of two seconds has sends refused while it lasts, and the node makes up for it within one', () => {
  const { refused, longestMs } = run({ offered: 950, capacity: 1_900, stillMs: 2_000, what: 'ledger' })
  expect(refused).toBeGreaterThan(500)
  expect(refused).toBeLessThan(1_900)
  expect(longestMs).toBeLessThan(3_000)
})

test('of twice what can be answered about half is refused, and the others wait no longer for it than before', () => {
  const { refused, longestMs } = run({ offered: 8_000, capacity: 4_000, stillMs: 0, what: 'ledger' })
  expect(refused).toBeGreaterThan(70_000)
  expect(longestMs).toBeLessThan(650)
})
