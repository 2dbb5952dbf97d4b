/** Who is tried, when and how often, on whichever store BullMQ keeps its jobs. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DeviceId } from '../../../domain/ids.ts'
import { createWorld, pause, QUICK, type StoreUnderTest, until, user, type World } from './kit.ts'

const PHONE = 'phone' as DeviceId

export function deliverySuite(name: string, { redisUrl }: StoreUnderTest): void {
  describe(`delivery with jobs in ${name}`, () => {
    let world: World
    beforeEach(async () => {
      world = await createWorld(redisUrl())
    })
    afterEach(() => world?.stop())

    const countJobs = async () => {
      const counts = await world.jobs.getJobCounts()
      return Object.values(counts).reduce((sum, count) => sum + count, 0)
    }

    test('a message that is acknowledged within the grace period never causes a job', async () => {
      // Long enough to send and to acknowledge, on a busy machine too.
      const workers = await world.startWorkers({ graceMs: 4_000 })
      const conversationId = await world.startConversation('ann', 'bob', 'cid')
      for (let i = 0; i < 3; i++) {
        const seq = await world.send(conversationId, 'ann')
        await world.acknowledge(conversationId, 'bob', seq)
        await world.acknowledge(conversationId, 'cid', seq)
        expect(await countJobs()).toBe(0)
      }
      const end = performance.now() + 5_000
      while (performance.now() < end) {
        expect(await countJobs()).toBe(0)
        await pause(20)
      }
      expect(await workers.runs()).toBe(0)
      expect(await world.attempts(conversationId, 'bob')).toEqual([])
    })

    test('a person who is connected is pushed to once more, and the attempt is a fact', async () => {
      const nudged: string[] = []
      const conversationId = await world.startConversation('ann', 'bob')
      const node = await world.startNode('api-1', (userId) => nudged.push(userId))
      await node.add(user('bob'), PHONE)
      await world.startWorkers({ backoff: { baseMs: 4_000, factor: 1, capMs: 4_000 } })
      await world.reconciled()
      const seq = await world.send(conversationId, 'ann')
      await until(async () => expect(await world.attempts(conversationId, 'bob')).toEqual(['pushed 1']))
      await world.acknowledge(conversationId, 'bob', seq)
      await until(async () => expect(await world.jobState('bob')).toBe('none'))
      expect(nudged).toEqual(['bob'])
      expect(await world.attempts(conversationId, 'bob')).toEqual(['pushed 1'])
    })

    test('an offline person gets one job, whatever the number of messages and conversations', async () => {
      // Both are written to before it is over.
      const graceMs = 1_000
      await world.startWorkers({ graceMs, backoff: { baseMs: 60_000, factor: 2, capMs: 60_000 } })
      const [one, two] = [
        await world.startConversation('ann', 'b:o@b'),
        await world.startConversation('cid', 'b:o@b'),
      ]
      await world.reconciled()
      for (let i = 0; i < 5; i++) await Promise.all([world.send(one, 'ann'), world.send(two, 'cid')])
      await until(async () => expect(await world.jobState('b:o@b')).toBe('delayed'))
      for (let i = 0; i < 5; i++) await world.send(one, 'ann')
      await pause(2 * graceMs)
      expect(await countJobs()).toBe(1)
      expect(await world.attempts(one, 'b:o@b')).toEqual(['offline 1'])
      expect(await world.attempts(two, 'b:o@b')).toEqual(['offline 1'])
    })

    test('tries follow each other with growing pauses until the last, then the giving up is a fact', async () => {
      await world.startWorkers()
      const conversationId = await world.startConversation('ann', 'bob')
      await world.reconciled()
      const since = performance.now()
      await world.send(conversationId, 'ann')
      const all = ['offline 1', 'offline 2', 'offline 3', 'offline 4', 'exhausted 4']
      await until(async () => expect(await world.attempts(conversationId, 'bob')).toEqual(all))
      // Half of each pause is certain: 30 + 45 + 67 ms after the grace period.
      expect(performance.now() - since).toBeGreaterThan(QUICK.graceMs + 140)
      await until(async () => expect(await world.jobState('bob')).toBe('failed'))
    })

    test('a conversation is given up by itself, whatever else begins to wait meanwhile', async () => {
      // Long enough to send in between, on a busy machine too.
      await world.startWorkers({ backoff: { baseMs: 1_500, factor: 1, capMs: 1_500 } })
      const [one, two] = [
        await world.startConversation('ann', 'bob'),
        await world.startConversation('cid', 'bob'),
      ]
      await world.reconciled()
      await world.send(one, 'ann')
      await until(async () => expect(await world.attempts(one, 'bob')).toContain('offline 2'))
      await world.send(two, 'cid')
      const all = ['offline 1', 'offline 2', 'offline 3', 'offline 4', 'exhausted 4']
      await until(async () => expect(await world.attempts(two, 'bob')).toEqual(all))
      expect(await world.attempts(one, 'bob')).toEqual(all)
      await until(async () => expect(await world.jobState('bob')).toBe('failed'))
    })

    test('a person who was given up is left alone, until a message comes after they are back', async () => {
      const conversationId = await world.startConversation('ann', 'bob')
      const node = await world.startNode('api-1', () => 1)
      await world.startWorkers({
        maxAttempts: 1,
        reconcileMs: 100,
        backoff: { ...QUICK.backoff, capMs: 60_000 },
      })
      await world.reconciled()
      await world.send(conversationId, 'ann')
      const givenUp = ['offline 1', 'exhausted 1']
      await until(async () => expect(await world.attempts(conversationId, 'bob')).toEqual(givenUp))
      await pause(QUICK.restMs + 200)
      expect(await world.attempts(conversationId, 'bob')).toEqual(givenUp)
      await node.add(user('bob'), PHONE)
      await world.send(conversationId, 'ann')
      await until(async () =>
        expect((await world.attempts(conversationId, 'bob')).slice(2, 3)).toEqual(['pushed 2']),
      )
    })

    test('a message that comes while a person who was given up rests is tried when the rest is over, without another', async () => {
      const conversationId = await world.startConversation('ann', 'bob')
      const node = await world.startNode('api-1', () => 1)
      await node.add(user('bob'), PHONE)
      // Long enough to send in between, on a busy machine too.
      await world.startWorkers({ maxAttempts: 1, restMs: 6_000 })
      await world.reconciled()
      await world.send(conversationId, 'ann')
      await until(async () => expect(await world.jobState('bob')).toBe('failed'))
      expect(await world.attempts(conversationId, 'bob')).toEqual(['pushed 1', 'exhausted 1'])
      await world.send(conversationId, 'ann')
      await until(async () => expect(await world.jobState('bob')).toBe('delayed'))
      expect(await world.attempts(conversationId, 'bob')).toEqual(['pushed 1', 'exhausted 1'])
      await until(async () =>
        expect((await world.attempts(conversationId, 'bob')).slice(2)).toEqual(['pushed 2', 'exhausted 2']),
      )
    })

    test('people who never connected are tried after everybody else, however many they are', async () => {
      const strangers = Array.from({ length: 60 }, (_, n) => `nobody${n}`)
      const crowd = await world.startConversation('eve', ...strangers)
      await world.send(crowd, 'eve')
      const conversationId = await world.startConversation('ann', 'zoe')
      await world.send(conversationId, 'ann')
      await pause(2 * QUICK.graceMs)
      // All of them wait when the worker comes; it takes one at a time.
      await world.startWorkers({
        concurrency: 1,
        spreadMs: 0,
        backoff: { baseMs: 60_000, factor: 1, capMs: 60_000 },
      })
      await until(async () => expect(await world.attempts(conversationId, 'zoe')).toEqual(['offline 1']))
      const triedBefore = async () => {
        const each = await Promise.all(strangers.map((name) => world.attempts(crowd, name)))
        return each.filter((attempts) => attempts.length > 0).length
      }
      expect(await triedBefore()).toBeLessThan(strangers.length / 2)
      await until(async () => expect(await triedBefore()).toBe(strangers.length))
    }, 60_000)

    test('a person who acknowledges between two tries is left alone, and the job ends', async () => {
      await world.startWorkers({ backoff: { baseMs: 4_000, factor: 1, capMs: 4_000 } })
      const conversationId = await world.startConversation('ann', 'bob')
      await world.reconciled()
      const seq = await world.send(conversationId, 'ann')
      await until(async () => expect(await world.attempts(conversationId, 'bob')).toEqual(['offline 1']))
      await world.acknowledge(conversationId, 'bob', seq)
      await until(async () => expect(await world.jobState('bob')).toBe('none'))
      expect(await world.attempts(conversationId, 'bob')).toEqual(['offline 1'])
    })

    test('a person who comes back is tried at once when the next message gets lost, not after the pause', async () => {
      const conversationId = await world.startConversation('ann', 'bob')
      const node = await world.startNode('api-1', () => 1)
      await world.startWorkers({ backoff: { baseMs: 60_000, factor: 2, capMs: 60_000 } })
      await world.reconciled()
      await world.send(conversationId, 'ann')
      await until(async () => expect(await world.attempts(conversationId, 'bob')).toEqual(['offline 1']))
      // The try is recorded before its job is put off; whoever wakes it in between finds it running.
      await until(async () => expect(await world.jobState('bob')).toBe('delayed'))
      await node.add(user('bob'), PHONE)
      await world.send(conversationId, 'ann')
      await until(async () =>
        expect(await world.attempts(conversationId, 'bob')).toEqual(['offline 1', 'pushed 2']),
      )
    })

    test('a person who was pushed to and does not acknowledge is tried after the pause, not with every message', async () => {
      const conversationId = await world.startConversation('ann', 'bob')
      const node = await world.startNode('api-1', () => 1)
      await node.add(user('bob'), PHONE)
      await world.startWorkers({ backoff: { baseMs: 60_000, factor: 2, capMs: 60_000 }, restMs: 6_000 })
      await world.reconciled()
      await world.send(conversationId, 'ann')
      await until(async () => expect(await world.attempts(conversationId, 'bob')).toEqual(['pushed 1']))
      for (let i = 0; i < 5; i++) {
        await world.send(conversationId, 'ann')
        await pause(QUICK.graceMs)
      }
      await pause(QUICK.graceMs)
      expect(await world.attempts(conversationId, 'bob')).toEqual(['pushed 1'])
      // A pause may be an hour: somebody who is connected does not wait that long.
      await until(async () =>
        expect(await world.attempts(conversationId, 'bob')).toEqual(['pushed 1', 'pushed 2']),
      )
    })

    test('a person whose node did not answer is tried at once when a message gets lost and another node has them', async () => {
      const conversationId = await world.startConversation('ann', 'bob')
      const silent = await world.startNode('api-1', () => 'silent')
      await silent.add(user('bob'), PHONE)
      await world.startWorkers({ backoff: { baseMs: 60_000, factor: 2, capMs: 60_000 } })
      await world.reconciled()
      await world.send(conversationId, 'ann')
      const tries = () => world.attempts(conversationId, 'bob')
      // More than one where the reconciler was first: then the reactor found the same message, and it was tried once more.
      await until(async () => expect((await tries()).at(-1)).toMatch(/^failed/))
      await until(async () => expect(await world.jobState('bob')).toBe('delayed'))
      const node = await world.startNode('api-2', () => 1)
      await node.add(user('bob'), PHONE)
      await world.send(conversationId, 'ann')
      await until(async () => expect((await tries()).at(-1)).toMatch(/^pushed/))
      expect((await tries()).slice(0, -1).every((one) => one.startsWith('failed'))).toBe(true)
    })

    test('a member who is removed meanwhile is tried no more', async () => {
      await world.startWorkers({ backoff: { baseMs: 4_000, factor: 1, capMs: 4_000 } })
      const conversationId = await world.startConversation('ann', 'bob')
      await world.reconciled()
      await world.send(conversationId, 'ann')
      await until(async () => expect(await world.attempts(conversationId, 'bob')).toEqual(['offline 1']))
      const at = Date.now() as never
      const envelope = { commandId: crypto.randomUUID(), actorId: user('ann'), actorKind: 'user' } as const
      const command = { type: 'remove-member', userId: user('bob'), by: user('ann'), at, envelope } as const
      expect(await world.handler.converse(conversationId, command)).toMatchObject({ kind: 'done' })
      await until(async () => expect(await world.jobState('bob')).toBe('none'))
      expect(await world.attempts(conversationId, 'bob')).toEqual(['offline 1'])
    })

    test('a node that does not answer is a failed attempt with its cause, and is tried again', async () => {
      let answers = false
      const conversationId = await world.startConversation('ann', 'bob')
      const node = await world.startNode('api-1', () => (answers ? 1 : 'silent'))
      await node.add(user('bob'), PHONE)
      // Long enough to look in between, on a busy machine too.
      await world.startWorkers({ backoff: { baseMs: 1_500, factor: 1, capMs: 1_500 } })
      await world.reconciled()
      await world.send(conversationId, 'ann')
      const tries = () => world.attempts(conversationId, 'bob')
      await until(async () => expect((await tries())[0]).toBe('failed 1'))
      answers = true
      await until(async () => expect((await tries()).at(-1)).toMatch(/^pushed/))
      expect((await tries()).slice(0, -1).every((one) => one.startsWith('failed'))).toBe(true)
    })

    test('jobs hold ids and nothing of what was said', async () => {
      await world.startWorkers({ backoff: { baseMs: 60_000, factor: 2, capMs: 60_000 } })
      const conversationId = await world.startConversation('ann', 'bob')
      await world.reconciled()
      await world.send(conversationId, 'ann')
      await until(async () => expect(await world.jobState('bob')).toBe('delayed'))
      const job = await world.jobs.getJob('to-Ym9i')
      expect(job?.data).toEqual({ userId: 'bob' })
      expect(JSON.stringify(job)).not.toContain('secret')
    })
  })
}
