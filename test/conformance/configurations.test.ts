/** Every configuration keeps every promise of the protocol, as a stranger finds out from outside. */
import { beforeAll, expect, test } from 'vitest'
import { type DeploymentOptions, startDeployment } from '../e2e/deployment.ts'
import { hasRedis } from '../e2e/redis.ts'
import { buildProgram } from '../support/built-program.ts'
import { notKept, runConformance, type Verdict } from './suite.ts'

const SECRET = 'a secret of at least thirty-two bytes, for tests'

beforeAll(buildProgram)

function expectAllKept(verdict: Verdict): void {
  expect(notKept(verdict)).toEqual([])
  expect(verdict.exit).toBe(0)
  expect(verdict.kept).toBeGreaterThan(60)
}

async function checkDeployment(options: DeploymentOptions): Promise<Verdict> {
  const deployment = await startDeployment(options)
  try {
    const [one, two] = deployment.urls
    return await runConformance(['--url', one, '--url', two, '--secret', SECRET])
  } finally {
    await deployment.stop()
  }
}

test('one machine, with a Postgres of its own, keeps every promise', async () => {
  expectAllKept(await runConformance([]))
}, 240_000)

test('two nodes on Postgres keep every promise', async () => {
  expectAllKept(await checkDeployment({ redis: false, eventStore: false }))
}, 240_000)

if (hasRedis) onRedis()
else
  test.skip('skipped, there is no redis-server on this machine: conformance on EventStoreDB and Redis', () => {})

function onRedis(): void {
  test('two nodes on EventStoreDB and Redis keep every promise', async () => {
    expectAllKept(await checkDeployment({ redis: true, eventStore: true }))
  }, 240_000)
}
