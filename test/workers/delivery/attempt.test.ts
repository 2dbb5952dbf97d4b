import { expect, test } from 'vitest'
import type { ConversationId, Seq, UserId } from '../../../domain/ids.ts'
import { type AttemptDeps, attemptDelivery } from '../../../workers/delivery/attempt.ts'
import type { Channel, Push } from '../../../workers/delivery/channel.ts'
import { backoffMs, DEFAULT_DELIVERY } from '../../../workers/delivery/settings.ts'

const bob = 'bob' as UserId
const pending = { fromSeq: 1 as Seq, toSeq: 2 as Seq }
const conversation = (name: string) => ({ conversationId: name as ConversationId, ...pending })

/** Deps that write down what is done, for one conversation `c` that waits after its third attempt. */
function given(changed: Partial<AttemptDeps> = {}): { deps: AttemptDeps; done: string[] } {
  const done: string[] = []
  const channel = (name: Channel['name'], push: Push): Channel => ({
    name,
    reachable: async (userIds) => userIds,
    async push() {
      done.push(`push ${name}`)
      return push
    },
  })
  const deps: AttemptDeps = {
    undelivered: { of: async () => [conversation('c')] },
    channels: [channel('socket', { outcome: 'offline' }), channel('web-push', { outcome: 'pushed' })],
    recorder: {
      async attempt(conversationId, { channel, outcome }) {
        done.push(`record ${conversationId} ${channel} ${outcome}`)
        return { attempt: 3, pending }
      },
      async exhausted(conversationId, _, toSeq) {
        done.push(`exhausted ${conversationId} to ${toSeq}`)
      },
    },
    settings: DEFAULT_DELIVERY,
    onPush: () => {},
    onUnrecorded: (conversationId) => done.push(`unrecorded ${conversationId}`),
    ...changed,
  }
  return { deps, done }
}

test('channels are tried in order until one pushes, and each try is recorded', async () => {
  const { deps, done } = given()
  expect(await attemptDelivery(bob, deps)).toMatchObject({ kind: 'again', why: 'pushed, attempt 3 of 12' })
  expect(done).toEqual([
    'push socket',
    'record c socket offline',
    'push web-push',
    'record c web-push pushed',
  ])
})

test('nobody is disturbed when nothing waits', async () => {
  const { deps, done } = given({ undelivered: { of: async () => [] } })
  expect(await attemptDelivery(bob, deps)).toEqual({ kind: 'delivered' })
  expect(done).toEqual([])
})

test('an acknowledgement that overtakes the record ends the job', async () => {
  const { deps } = given({
    recorder: { attempt: async () => ({ attempt: 0 }), exhausted: () => Promise.reject(new Error('never')) },
  })
  expect(await attemptDelivery(bob, deps)).toEqual({ kind: 'delivered' })
})

test.each([
  ['what was tried arrived', { attempt: 0 }],
  ['it was the last', { attempt: 12, pending }],
])(
  'a message of another conversation that came during the attempt keeps the job alive when %s',
  async (_, answer) => {
    const answers = [[conversation('c')], [conversation('c'), conversation('d')]]
    const { deps } = given({
      undelivered: { of: async () => answers.shift() ?? [] },
      recorder: { attempt: async () => answer, exhausted: async () => {} },
    })
    expect(await attemptDelivery(bob, deps)).toMatchObject({ kind: 'again', why: 'something new waits' })
  },
)

test('… and one of the same conversation does not: where many write there is always a newer one', async () => {
  const newer = { ...conversation('c'), toSeq: 3 as Seq }
  for (const [answer, kind] of [
    [{ attempt: 0 }, 'delivered'],
    [{ attempt: 12, pending }, 'exhausted'],
  ] as const) {
    const answers = [[conversation('c')], [newer]]
    const { deps } = given({
      undelivered: { of: async () => answers.shift() ?? [] },
      recorder: { attempt: async () => answer, exhausted: async () => {} },
    })
    expect(await attemptDelivery(bob, deps)).toMatchObject({ kind })
  }
})

test('the worker gives up each conversation that has had its attempts, goes on at the pace of the others, and ends with the last', async () => {
  const attempts = new Map([
    ['c', 12],
    ['d', 1],
    ['e', 0],
    ['f', 11],
  ])
  const { deps, done } = given()
  const recorder: AttemptDeps['recorder'] = {
    ...deps.recorder,
    attempt: async (conversationId) => {
      const attempt = attempts.get(conversationId) ?? 0
      return conversationId === 'e' ? { attempt } : { attempt, pending }
    },
  }
  const givenUp = () => done.splice(0).filter((what) => what.startsWith('exhausted'))
  const attempt = (...waiting: string[]) =>
    attemptDelivery(bob, { ...deps, undelivered: { of: async () => waiting.map(conversation) }, recorder })
  expect(await attempt('c', 'd', 'e', 'f')).toMatchObject({ kind: 'again', why: 'pushed, attempt 1 of 12' })
  expect(givenUp()).toEqual(['exhausted c to 2'])
  attempts.set('d', 12).set('f', 13)
  expect(await attempt('d', 'e', 'f')).toEqual({ kind: 'exhausted', attempts: 13 })
  expect(givenUp()).toEqual(['exhausted d to 2', 'exhausted f to 2'])
})

test('a ledger that does not answer fails the attempt, so that BullMQ makes it again', async () => {
  const { deps } = given({
    recorder: { attempt: () => Promise.reject(new Error('unavailable')), exhausted: async () => {} },
  })
  await expect(attemptDelivery(bob, deps)).rejects.toThrow('unavailable')
})

test('a conversation in which no try can be recorded neither keeps the job of the others alive nor ends it before theirs', async () => {
  const attempts = new Map([['c', 11]])
  const { deps, done } = given()
  const recorder: AttemptDeps['recorder'] = {
    ...deps.recorder,
    attempt: async (conversationId) => {
      if (conversationId === 'broken') throw new Error('cannot be decoded')
      const attempt = attempts.get(conversationId)
      return attempt === undefined ? { attempt: 0 } : { attempt, pending }
    },
  }
  const undelivered = { of: async () => ['broken', 'c'].map(conversation) }
  const attempt = () => attemptDelivery(bob, { ...deps, undelivered, recorder })
  expect(await attempt()).toMatchObject({ kind: 'again', why: 'pushed, attempt 11 of 12' })
  attempts.set('c', 12)
  expect(await attempt()).toEqual({ kind: 'exhausted', attempts: 12 })
  expect(done.filter((what) => what.startsWith('exhausted'))).toEqual(['exhausted c to 2'])
  // What was acknowledged meanwhile waits no more; the broken one does, and has a first pause.
  attempts.clear()
  expect(await attempt()).toMatchObject({ kind: 'again', why: 'the attempt could not be recorded' })
  expect(done.filter((what) => what.startsWith('unrecorded'))).toHaveLength(6)
})

test('pauses double from 5 seconds to an hour, half of each at random', () => {
  const { backoff } = DEFAULT_DELIVERY
  for (const [attempt, full] of [
    [1, 5_000],
    [2, 10_000],
    [5, 80_000],
    [10, 2_560_000],
    [11, 3_600_000],
    [500, 3_600_000],
  ] as const) {
    const pauses = Array.from({ length: 200 }, () => backoffMs(backoff, attempt))
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(full / 2)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(full)
    expect(new Set(pauses).size).toBeGreaterThan(100)
  }
})
