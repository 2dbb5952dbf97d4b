/** Two nodes on Postgres alone: no Redis, no EventStoreDB. And the load balancer, which needs no more than two nodes. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { hasLoadBalancer, startLoadBalancer } from './load-balancer.ts'
import { inTheEnd, talk, twoNodes, without } from './two-nodes.ts'
import { until } from './until.ts'
import { expectAllRead, expectNothingLost } from './verdict.ts'

const scene = twoNodes({ redis: false, eventStore: false })

const behind = 'people behind the load balancer are spread over the nodes, and outlive the death of one'
if (hasLoadBalancer) test(behind, testLoadBalancer)
else test.skip(`skipped, there is no haproxy on this machine: ${behind}`, () => {})

async function testLoadBalancer(): Promise<void> {
  const { deployment } = scene
  const balancer = await startLoadBalancer(deployment.urls)
  try {
    const people = ['yara', 'zoe', 'abel', 'bo'].map((name) => scene.person(name))
    for (const person of people) await person.come([balancer.url])
    expect(new Set(people.map((person) => person.node()))).toEqual(new Set(['api-1', 'api-2']))
    const [first] = people as [(typeof people)[0]]
    const names = people.map(({ userId }) => userId)
    const id = await deployment.callers[0].begin(first.userId, 'group', names)
    const talking = Promise.all(people.map((person) => talk(person, id, 30, 20)))
    await sleep(200)
    await without(deployment, ['api-1'], async () => {
      await talking
      await expectNothingLost(deployment, id, people, [deployment.callers[1]])
      await expectAllRead(id, people)
      expect(people.map((person) => person.node())).toEqual(people.map(() => 'api-2'))
    })

    // What is for the inside is not shown outside.
    expect((await fetch(`${balancer.url}/metrics`)).status).toBe(404)
    const isUp = async () =>
      /haproxy_server_status\{proxy="api",server="api-1",state="UP"\} 1/.test(
        await (await fetch(balancer.metricsUrl)).text(),
      )
    await until('the node that is back is found', isUp)
    await Promise.all(people.map((person) => person.leave()))
  } finally {
    await balancer.stop()
  }
}

inTheEnd(scene)
