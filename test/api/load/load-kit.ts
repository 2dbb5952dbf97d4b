/** A node of which only the load is real: its clock stands still, and nothing is sent or answered, unless a test says so. */
import { onTestFinished } from 'vitest'
import { createLoad } from '../../../api/load/load.ts'
import { createMetrics } from '../../../runtime/metrics.ts'

/** For one test, and closed after it. */
export function begin() {
  const node = {
    /** In milliseconds. */
    now: 1_000_000,
    /** Under way since the last `pass`. */
    waiting: 0,
  }
  const load = createLoad(createMetrics('test'), () => node.now)
  onTestFinished(() => load.close())
  /** Oldest first. */
  const sends: (() => void)[] = []
  const took = () => sends.push(load.began())
  const answer = () => sends.shift()?.()

  /** Time goes on as it should, so many being answered a second while so many are under way. */
  function pass(samples: number, perSecond = 100, underWay = 0): void {
    for (; node.waiting < underWay; node.waiting++) took()
    for (; node.waiting > underWay; node.waiting--) answer()
    for (let i = 0; i < samples; i++) {
      node.now += 100
      for (let j = 0; j < perSecond / 10; j++) {
        took()
        answer()
      }
      load.sample()
    }
  }

  /**
   * A ledger that writes a batch of at most 1,000 a second in so many samples; while it writes the next gathers.
   * @returns how many it answered a second, and the most that were under way.
   */
  function flooded({ samples, seconds, asked = 300 }: { samples: number; seconds: number; asked?: number }) {
    let [writing, answered, most] = [0, 0, 0]
    for (let i = 0; i < seconds * 10; i++) {
      for (let j = 0; j < asked; j++) if (load.allows('send')) took()
      most = Math.max(most, sends.length)
      node.now += 100
      if (i % samples === samples - 1) {
        for (; writing > 0; writing--, answered++) answer()
        writing = Math.min(sends.length, 100 * samples)
      }
      load.sample()
    }
    return { answered: answered / seconds, most }
  }

  return Object.assign(node, { load, sends, took, answer, pass, flooded })
}
