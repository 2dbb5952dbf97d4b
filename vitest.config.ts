import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Machines are noisy: what is waited for may take a while, and costs nothing when it is there.
    expect: { poll: { timeout: 15_000 } },
    maxWorkers: 2,
  },
})
