/** In CI, where all that tests need is installed, a skipped test is a failure. Elsewhere it only says what was left out. */
import type { Reporter, TestModule } from 'vitest/node'

/** A server of EventStoreDB is in no package registry; the simulator of its wire runs the same suite. */
const MAY_BE_MISSING = 'TEST_EVENTSTOREDB_URL is not set'
/** What no arrangement of the machine could change: the suite of all buses, on the one that has no connection. */
const CANNOT_BE = 'there is no connection to cut'

export default class NothingSkipped implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) =>
      [...module.children.allTests('skipped')].map((test) => {
        const result = test.result()
        const note = result.state === 'skipped' ? (result.note ?? '') : ''
        return `${test.fullName}${note === '' ? '' : ` (${note})`}`
      }),
    )
    for (const name of skipped) console.log(`skipped: ${name}`)
    if (process.env.CI !== 'true') return
    const forbidden = skipped.filter((name) => !name.includes(MAY_BE_MISSING) && !name.includes(CANNOT_BE))
    if (forbidden.length === 0) return
    console.error(`${forbidden.length} tests were skipped; in CI each of them must run`)
    process.exitCode = 1
  }
}
