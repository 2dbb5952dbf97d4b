/** A node that is killed: what becomes of the people who were connected to it, with the sessions in Postgres and in Redis. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildProgram } from '../support/built-program.ts'
import { type Chat, call, join } from '../support/chat.ts'
import { type Deployment, type DeploymentOptions, startDeployment } from './deployment.ts'
import { hasRedis } from './redis.ts'
import { until } from './until.ts'

/** Promised in docs/guarantees.md. */
const OFFLINE_WITHIN_MS = 30_000
/** Looked for every 10 s, and suspected for 15 s: a store that has lost everything is filled again by then. */
const RECORDED_WITHIN_MS = 65_000

const stops: (() => Promise<unknown>)[] = []
beforeAll(buildProgram, 120_000)
afterAll(async () => {
  for (const stop of stops) await stop()
})

// Side by side: nearly all of it is waiting.
describe.concurrent('sessions in Postgres', () => lostNode({ redis: false, eventStore: false }))
if (hasRedis) describe.concurrent('sessions in Redis', () => lostNode({ redis: true, eventStore: false }))
else
  test.skip('skipped, there is no redis-server on this machine: a node is lost, sessions in Redis', () => {})

function lostNode(options: DeploymentOptions): void {
  test('a node that dies takes its people offline within 30 s, and it is a fact; who comes back is online at once', async () => {
    const deployment = await startDeployment(options)
    stops.push(deployment.stop)
    const [dying, surviving] = deployment.urls
    await deployment.callers[1].begin('ann', 'group', ['bob', 'carl', 'dora', 'emil'])
    const ann = await join(surviving, 'ann')
    const everybody = ['bob', 'carl', 'dora', 'emil']
    ann.send({ t: 'watch', userIds: everybody })
    for (const userId of everybody) await ann.get({ t: 'presence', userId, online: false })

    // While nothing dies, whoever comes and goes on the other node is told of like anybody here.
    const met = Date.now()
    const first = await join(dying, 'bob')
    await until('bob is online', () => told(ann, 'bob').at(-1)?.online === true)
    await first.close()
    await until('bob is offline', () => told(ann, 'bob').at(-1)?.online === false)
    const bob = await join(dying, 'bob')
    await join(dying, 'carl')
    await join(dying, 'dora', { device: 'phone' })
    await join(surviving, 'dora', { device: 'laptop' })
    await join(dying, 'emil')
    await until('all are online', () =>
      everybody.every((userId) => told(ann, userId).at(-1)?.online === true),
    )
    const id = await deployment.callers[0].begin('bob', 'direct', ['ann'])
    await bob.say(id, 'the last that bob does')
    const acted = Date.now()

    const since = performance.now()
    await deployment.kill('api-1')
    // At once, and long before anybody has noticed.
    await join(surviving, 'emil')
    const gone = ['bob', 'carl']
    await until(
      'they are offline for who watches',
      () => gone.every((userId) => told(ann, userId).at(-1)?.online === false),
      { withinMs: OFFLINE_WITHIN_MS - (performance.now() - since), instead: () => told(ann, 'bob') },
    )
    const { lastSeen } = told(ann, 'bob').at(-1) ?? {}
    // What is done within a minute is recorded once, and the node that knew more is dead.
    expect(lastSeen).toBeGreaterThanOrEqual(met)
    expect(lastSeen).toBeLessThanOrEqual(acted)
    expect(await presence(surviving, 'ann', 'bob')).toMatchObject({ online: false, lastSeen })
    for (const userId of ['dora', 'emil']) {
      expect(told(ann, userId).map(({ online }) => online)).toEqual([false, true])
      expect(await presence(surviving, 'ann', userId)).toMatchObject({ online: true })
    }

    // Before the loss is a fact, and after it.
    const back = performance.now()
    await join(surviving, 'carl')
    await until('carl is online again', () => told(ann, 'carl').at(-1)?.online === true, { withinMs: 10_000 })
    expect(await presence(surviving, 'ann', 'carl')).toMatchObject({ online: true })
    expect(performance.now() - back).toBeLessThan(10_000)

    await until('it is a fact', async () => (await endings(deployment, 'bob', 'node-lost')).length > 0, {
      withinMs: RECORDED_WITHIN_MS - (performance.now() - since),
    })
    const facts = await factsOf(deployment, 'bob')
    const [lost] = await endings(deployment, 'bob', 'node-lost')
    const begun = facts.filter(({ type }) => type === 'DeviceConnected').at(-1)?.data
    expect(lost).toMatchObject({ node: 'api-1', connection: begun?.connection, deviceId: begun?.deviceId })
    expect(await presence(surviving, 'ann', 'bob')).toMatchObject({ online: false, lastSeen })
    const lostOfDora = () => endings(deployment, 'dora', 'node-lost')
    await until('so it is of the device that dora has lost', async () => (await lostOfDora()).length > 0)
    expect((await lostOfDora()).map(({ deviceId }) => deviceId)).toEqual(['phone'])

    await join(surviving, 'bob')
    await until('bob is online again', () => told(ann, 'bob').at(-1)?.online === true, { withinMs: 10_000 })
    // A new process of the same name brings nobody back, and says nothing twice.
    await deployment.start('api-1')
    expect(await endings(deployment, 'bob', 'node-lost')).toHaveLength(1)
    for (const userId of everybody)
      expect(await presence(surviving, 'ann', userId)).toMatchObject({ online: true })
    const { exits } = await deployment.stop()
    expect(exits).toEqual({ projections: 0, workers: 0, 'api-1': 0, 'api-2': 0 })
  })
}

/** What a watcher was told of somebody, in order. */
const told = (watcher: Chat, userId: string) => watcher.all({ t: 'presence', userId })

const presence = async (url: string, viewer: string, userId: string) =>
  (await call(url, viewer, 'GET', `/v1/users/${userId}/presence`)).body

async function factsOf({ databaseUrl }: Deployment, userId: string) {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ type: string; data: Record<string, unknown> }>(
      'SELECT type, data FROM ledger.events WHERE stream = $1 ORDER BY revision',
      [`user-${userId}`],
    )
    return rows
  } finally {
    await client.end()
  }
}

const endings = async (deployment: Deployment, userId: string, reason: string) =>
  (await factsOf(deployment, userId))
    .filter(({ type, data }) => type === 'DeviceDisconnected' && data.reason === reason)
    .map(({ data }) => data)
