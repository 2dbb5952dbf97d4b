/**
 * Which tests run beside which. Quick ones, without processes of their own or a whole system, and without long waits, are what
 * `npm run check` runs, in a minute.
 */
import { defineConfig } from 'vitest/config'

const QUICK = [
  'test/*.test.ts',
  'test/{bench,client,docs,domain,ops}/**/*.test.ts',
  'test/api/accounts/{lines,name,passwords}.test.ts',
  'test/api/{auth,gateway,load,rate-limits}/*.test.ts',
  'test/api/wrong-input.test.ts',
  'test/ledger/*.test.ts',
  'test/runtime/!(migrate|postgres).test.ts',
  'test/runtime/bus/!(postgres|redis).test.ts',
  'test/runtime/embedded-postgres/server-settings.test.ts',
  'test/workers/delivery/{attempt,delivery-queue,delivery-worker,reactor}.test.ts',
]
/** They start programs, kill them and wait for them: beside others they would be late, and make others late. */
const PROCESSES = [
  'test/{cli,conformance,e2e}/**/*.test.ts',
  'test/projections/{cli,killed}.test.ts',
  'test/runtime/embedded-postgres/*.test.ts',
]

const COMMON = {
  testTimeout: 30_000,
  hookTimeout: 60_000,
  // Machines are noisy: what is waited for may take a while, and costs nothing when it is there.
  expect: { poll: { timeout: 15_000 } },
}

export default defineConfig({
  test: {
    // Once for all projects.
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', './test/support/nothing-skipped.ts'],
    projects: [
      {
        test: {
          ...COMMON,
          name: 'quick',
          include: QUICK,
          pool: 'threads',
          isolate: false,
          setupFiles: ['test/support/leave-no-trace.ts'],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...COMMON,
          name: 'system',
          include: ['test/**/*.test.ts'],
          exclude: [...QUICK, ...PROCESSES],
          testTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...COMMON,
          name: 'processes',
          include: PROCESSES,
          exclude: QUICK,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
