/** Two nodes as in `docker-compose.yml`: the ledger in EventStoreDB (its simulator), jobs, sessions and pushes over Redis. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { hasRedis, type RedisServer } from './redis.ts'
import { inTheEnd, talk, twoNodes, without } from './two-nodes.ts'
import { until } from './until.ts'
import { expectAllRead, expectNothingLost } from './verdict.ts'

if (hasRedis) suite()
else
  test.skip('skipped, there is no redis-server on this machine: two nodes on EventStoreDB and Redis', () => {})

function suite(): void {
  const scene = twoNodes({ redis: true, eventStore: true })

  test('connections to EventStoreDB that are cut, again and again, cost time and no message', async () => {
    const { deployment } = scene
    const [ron, sue] = [scene.person('ron'), scene.person('sue')]
    await Promise.all([ron.come([deployment.urls[0]]), sue.come([deployment.urls[1]])])
    const id = await deployment.callers[0].begin('ron', 'direct', ['sue'])
    const talking = Promise.all([talk(ron, id, 40, 20), talk(sue, id, 40, 20)])
    for (let cut = 0; cut < 3; cut++) {
      await sleep(250)
      // The hardest moment: between the append and its answer.
      deployment.simulator?.faults.onAppend({ kind: 'cut', when: 'after' })
      await sleep(250)
      deployment.simulator?.faults.cutConnections()
    }
    await talking
    await expectNothingLost(deployment, id, [ron, sue])
    await expectAllRead(id, [ron, sue])
  })

  test('while Redis is gone messages are still recorded; when it is back, empty, everybody has them', async () => {
    const { deployment } = scene
    const redis = deployment.redis as RedisServer
    const [tom, una] = [scene.person('tom'), scene.person('una')]
    await Promise.all([tom.come([deployment.urls[0]]), una.come([deployment.urls[1]])])
    const id = await deployment.callers[0].begin('tom', 'group', ['una', 'victor'])
    await talk(tom, id, 3)
    await until('una has them', () => una.received(id).length === 3)

    await redis.kill()
    const missing = async () => {
      await talk(tom, id, 5)
      expect(una.received(id)).toHaveLength(3)
    }
    await missing().finally(redis.start)
    // Nobody says anything more: it is the nodes that notice that they may have missed something.
    await expectNothingLost(deployment, id, [tom, una])
    await expectAllRead(id, [tom, una])
    expect([...tom.closes, ...una.closes]).toEqual([])
  })

  test('delivery jobs that were in a lost Redis are made again out of the ledger', async () => {
    const { deployment } = scene
    const redis = deployment.redis as RedisServer
    const will = scene.person('will')
    await will.come([deployment.urls[0]])
    const id = await deployment.callers[0].begin('will', 'direct', ['xenia'])
    await talk(will, id, 1)
    const jobs = () => redis.keys(`*:delivery:to-${Buffer.from('xenia').toString('base64url')}`)
    await until('there is a job', async () => (await jobs()).length === 1)

    // The reconciler runs when the workers start, when Redis is back, and every five minutes; nobody waits for that here.
    await without(deployment, ['workers'], async () => {
      await redis.kill()
      await redis.start()
      expect(await jobs()).toEqual([])
    })
    await until('there is a job again', async () => (await jobs()).length === 1)
  })

  inTheEnd(scene)
}
