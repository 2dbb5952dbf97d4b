/** That no person is forgotten, whatever becomes of workers and jobs, on whichever store BullMQ keeps them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { DeviceId } from '../../../domain/ids.ts'
import { buildProgram } from '../../support/built-program.ts'
import { createWorld, pause, QUICK, type StoreUnderTest, until, user, type World } from './kit.ts'

const PHONE = 'phone' as DeviceId
const HANGING_WORKER = join(import.meta.dirname, 'fixtures', 'hanging-worker.mjs')

export function recoverySuite(name: string, { redisUrl, empty }: StoreUnderTest): void {
  describe(`recovery of delivery with jobs in ${name}`, () => {
    let world: World
    beforeAll(() => buildProgram())
    beforeEach(async () => {
      world = await createWorld(redisUrl())
    })
    afterEach(() => world?.stop())

    test('messages that waited while no worker ran are found by the reconciler', async () => {
      const conversationId = await world.startConversation('ann', 'bob', 'cid')
      await world.send(conversationId, 'ann')
      await pause(QUICK.graceMs)
      await world.startWorkers()
      for (const who of ['bob', 'cid']) {
        await until(async () => expect(await world.attempts(conversationId, who)).toContain('offline 1'))
      }
    })

    test('a person whom the reconciler would try later is tried at once when a further message gets lost', async () => {
      const conversationId = await world.startConversation('ann', 'bob')
      await world.send(conversationId, 'ann')
      await pause(QUICK.graceMs)
      await world.startWorkers({ spreadMs: 10 * 60_000 })
      await until(async () => expect(await world.jobState('bob')).toBe('delayed'))
      await world.send(conversationId, 'ann')
      await until(async () => expect(await world.attempts(conversationId, 'bob')).toContain('offline 1'))
    })

    test('a message that was sent just before the start is found too', async () => {
      const conversationId = await world.startConversation('ann', 'bob')
      await world.send(conversationId, 'ann')
      await world.startWorkers({ graceMs: 300 })
      await until(async () => expect(await world.attempts(conversationId, 'bob')).toContain('offline 1'))
    })

    test('with two workers, every attempt is recorded under its own number, and no person is forgotten', async () => {
      await world.startWorkers()
      await world.startWorkers()
      const people = Array.from({ length: 12 }, (_, i) => `p${i}`)
      const conversationId = await world.startConversation('ann', ...people)
      await world.reconciled()
      await world.send(conversationId, 'ann')
      for (const who of people) {
        await until(async () =>
          expect((await world.attempts(conversationId, who)).at(-1)).toMatch(/^exhausted/),
        )
        const facts = await world.attempts(conversationId, who)
        const tries = facts.length - 1
        // An attempt whose record met too many conflicts is made again; none is left out, none has another's number.
        expect(tries).toBeLessThanOrEqual(QUICK.maxAttempts + 2)
        const offline = Array.from({ length: tries }, (_, i) => `offline ${i + 1}`)
        expect(facts).toEqual([...offline, `exhausted ${tries}`])
      }
    })

    test('an emptied job store loses nobody, and the number of attempts goes on where it was', async () => {
      await world.startWorkers({ reconcileMs: 200, backoff: { baseMs: 30_000, factor: 1, capMs: 30_000 } })
      const conversationId = await world.startConversation('ann', 'bob', 'cid')
      await world.reconciled()
      await world.send(conversationId, 'ann')
      for (const who of ['bob', 'cid']) {
        await until(async () => expect(await world.jobState(who)).toBe('delayed'))
      }
      const before = await world.attempts(conversationId, 'cid')
      await empty(world)
      for (const who of ['bob', 'cid']) {
        await until(async () => {
          const tries = await world.attempts(conversationId, who)
          expect(tries.length).toBeGreaterThan(before.length)
          expect(tries).toEqual(tries.map((_, n) => `offline ${n + 1}`))
        })
      }
    })

    test('a worker process that is killed in the middle of a job leaves it to another one', async () => {
      const conversationId = await world.startConversation('ann', 'bob')
      await world.send(conversationId, 'ann')
      const env = { ...process.env, JOBS_DATABASE_URL: world.databaseUrl, JOBS_REDIS_URL: redisUrl() ?? '' }
      const child = spawn(process.execPath, [HANGING_WORKER], { env, stdio: ['ignore', 'pipe', 'inherit'] })
      try {
        await world.jobs.addBulk([
          { name: 'deliver', data: { userId: user('bob') }, opts: { jobId: 'to-Ym9i' } },
        ])
        const [said] = (await once(child.stdout, 'data')) as [Buffer]
        expect(said.toString().trim()).toBe('bob')
        expect(await world.jobState('bob')).toBe('active')
      } finally {
        child.kill('SIGKILL')
      }
      await world.startWorkers()
      await until(
        async () => expect(await world.attempts(conversationId, 'bob')).toContain('offline 1'),
        15_000,
      )
    })

    test('a worker that stops lets the attempt under way come to its end', async () => {
      const conversationId = await world.startConversation('ann', 'bob')
      let asked = false
      const node = await world.startNode('api-1', () => {
        asked = true
        return 'silent'
      })
      await node.add(user('bob'), PHONE)
      const workers = await world.startWorkers({ nudgeTimeoutMs: 500 })
      await world.reconciled()
      await world.send(conversationId, 'ann')
      await until(() => expect(asked).toBe(true))
      await workers.stop()
      expect(await world.attempts(conversationId, 'bob')).toEqual(['failed 1'])
      expect(await world.jobState('bob')).toBe('delayed')
    })
  })
}
