/** Who is online, when somebody was last seen, who is typing, and who is told. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Area, check } from '../check.ts'
import { expectError, expectProblem } from './expect.ts'

export const presence: Area = {
  area: 'presence',
  checks: [
    check('who watches somebody is told how it is, and each change', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      await direct(ann, ben)
      const watcher = await ann.connect()
      watcher.send({ t: 'watch', userIds: [ben.userId] })
      assert.equal((await watcher.get({ t: 'presence', userId: ben.userId })).online, false)
      const device = await ben.connect()
      await watcher.get({ t: 'presence', userId: ben.userId, online: true })
      await device.close()
      await watcher.get(() => watcher.all({ t: 'presence', userId: ben.userId, online: false }).length === 2)
      const last = watcher.all({ t: 'presence', userId: ben.userId }).at(-1)
      assert.equal(typeof last?.lastSeen, 'number')
    }),
    check('a person is online while any of their devices is', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      await direct(ann, ben)
      const watcher = await ann.connect()
      const [phone, laptop] = [
        await ben.connect({ device: 'phone' }),
        await ben.connect({ device: 'laptop' }),
      ]
      watcher.send({ t: 'watch', userIds: [ben.userId] })
      await watcher.get({ t: 'presence', userId: ben.userId, online: true })
      await phone.close()
      await laptop.close()
      await watcher.get({ t: 'presence', userId: ben.userId, online: false })
      assert.equal(watcher.all({ t: 'presence', userId: ben.userId, online: false }).length, 1)
    }),
    check('with whom one shares no conversation one cannot watch', async ({ people, direct, call }) => {
      const [ann, ben, eve] = await people('ann', 'ben', 'eve')
      await direct(ann, ben)
      const watcher = await eve.connect()
      watcher.send({ t: 'watch', userIds: [ben.userId] })
      await watcher.settled()
      const [device, friend] = [await ben.connect(), await ann.connect()]
      friend.send({ t: 'watch', userIds: [ben.userId] })
      await friend.get({ t: 'presence', online: true })
      await device.close()
      await friend.get({ t: 'presence', online: false })
      assert.deepEqual(watcher.all({ t: 'presence', online: true }), [])
      expectProblem(await eve.call('GET', `/v1/users/${ben.userId}/presence`), 403, 'forbidden')
      expectProblem(await call('GET', `/v1/users/${ben.userId}/presence`), 401, 'unauthorized')
    }),
    check('`watch` replaces the list', async ({ people, direct }) => {
      const [ann, ben, cleo] = await people('ann', 'ben', 'cleo')
      await direct(ann, ben)
      await direct(ann, cleo)
      const watcher = await ann.connect()
      watcher.send({ t: 'watch', userIds: [ben.userId] })
      await watcher.get({ t: 'presence', userId: ben.userId })
      watcher.send({ t: 'watch', userIds: [cleo.userId] })
      await watcher.get({ t: 'presence', userId: cleo.userId })
      await ben.connect()
      await cleo.connect()
      await watcher.get({ t: 'presence', userId: cleo.userId, online: true })
      assert.deepEqual(watcher.all({ t: 'presence', userId: ben.userId, online: true }), [])
    }),
    check('presence can be asked over HTTP', async ({ people, direct, until }) => {
      const [ann, ben] = await people('ann', 'ben')
      await direct(ann, ben)
      await ben.connect()
      await until('ben is online', async () => {
        const { status, body } = await ann.call('GET', `/v1/users/${ben.userId}/presence`)
        assert.equal(status, 200, JSON.stringify(body))
        return body.online === true
      })
    }),
    check('more than 500 people are too many to watch', async ({ people }) => {
      const [ann] = await people('ann')
      const device = await ann.connect()
      device.send({ t: 'watch', userIds: Array.from({ length: 501 }, (_, n) => `somebody-${n}`) })
      expectError(await device.get({ t: 'error' }), 'too_large', 'bad_frame')
      await device.settled()
    }),
    check(
      'typing is told to the other members, at most once in 3 s, and to nobody else',
      async ({ people, group, until }) => {
        const [ann, ben, eve] = await people('ann', 'ben', 'eve')
        const id = await group(ann, [ben])
        const [from, to, stranger] = await Promise.all([ann.connect(), ben.connect(), eve.connect()])
        // A busy server may drop it: who is still typing says so again.
        const rounds = await until('typing is told', async () => {
          for (let i = 0; i < 5; i++) from.send({ t: 'typing', conversationId: id })
          await sleep(3100)
          return to.all({ t: 'typing' }).length || undefined
        })
        const told = await to.get({ t: 'typing' })
        assert.deepEqual([told.conversationId, told.userId], [id, ann.userId])
        stranger.send({ t: 'typing', conversationId: id })
        // Whatever was told on would have been before this.
        await from.say(id, 'done')
        await to.get({ t: 'message' })
        assert.equal(rounds, 1)
        assert.deepEqual(from.all({ t: 'typing' }), [])
        assert.deepEqual(stranger.all({ t: 'typing' }), [])
      },
    ),
    check('last seen moves with what a person does', async ({ people, direct, until }) => {
      const [ann, ben] = await people('ann', 'ben')
      await direct(ann, ben)
      const device = await ben.connect()
      const lastSeen = async (): Promise<number | undefined> => {
        const { body } = await ann.call('GET', `/v1/users/${ben.userId}/presence`)
        return body.lastSeen ?? undefined
      }
      const first = await until('ben has been seen', lastSeen)
      await sleep(20)
      device.send({ t: 'active' })
      await until('ben has been seen again', async () => ((await lastSeen()) ?? 0) > first)
    }),
    check(
      'who hides when they were last seen does not see it of others',
      async ({ people, direct, until }) => {
        const [ann, ben] = await people('ann', 'ben')
        await direct(ann, ben)
        for (const person of [ann, ben]) await (await person.connect()).close()
        const lastSeen = async (asks: typeof ann, of: typeof ann) =>
          (await asks.call('GET', `/v1/users/${of.userId}/presence`)).body.lastSeen
        await until('both were seen', async () => (await lastSeen(ann, ben)) && (await lastSeen(ben, ann)))
        const hidden = await ann.call('PUT', '/v1/me/privacy', { lastSeen: 'hidden' })
        assert.equal(hidden.status, 200, JSON.stringify(hidden.body))
        await until(
          'neither sees it',
          async () => (await lastSeen(ann, ben)) === null && (await lastSeen(ben, ann)) === null,
        )
      },
    ),
    check('who hides read receipts gives none, and gets none', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      assert.equal((await ben.call('PUT', '/v1/me/privacy', { readReceipts: 'hidden' })).status, 200)
      const [from, to] = [await ann.connect(), await ben.connect()]
      await from.say(id, 'did you read this?')
      await to.get({ t: 'message', seq: 1 })
      await to.ask({ t: 'read', conversationId: id, upTo: 1 })
      await to.say(id, 'did you read that?')
      await from.get({ t: 'message', seq: 2 })
      await from.ask({ t: 'read', conversationId: id, upTo: 2 })
      await from.say(id, 'the end')
      await to.get({ t: 'message', seq: 3 })
      for (const device of [from, to]) {
        const others = device
          .all({ t: 'receipt', kind: 'read' })
          .filter(({ userId }) => userId !== device.userId)
        assert.deepEqual(others, [])
      }
    }),
  ],
}
