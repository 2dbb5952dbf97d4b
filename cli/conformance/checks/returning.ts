/** Several devices, and what comes to those who were away. */
import assert from 'node:assert/strict'
import { type Area, check } from '../check.ts'
import { seqsOf, upTo } from './expect.ts'

export const returning: Area = {
  area: 'devices and returning',
  checks: [
    check(
      'own messages come to the other devices, and not to the one that sent them',
      async ({ people, direct }) => {
        const [ann, ben] = await people('ann', 'ben')
        const id = await direct(ann, ben)
        const [phone, laptop] = await Promise.all([
          ann.connect({ device: 'phone' }),
          ann.connect({ device: 'laptop' }),
        ])
        await phone.say(id, 'from the phone')
        const got = await laptop.get({ t: 'message', conversationId: id })
        assert.deepEqual([got.senderId, got.deviceId, got.seq], [ann.userId, 'phone', 1])
        await laptop.say(id, 'from the laptop')
        await phone.get({ t: 'message', seq: 2 })
        assert.deepEqual(seqsOf(phone, id), [2])
      },
    ),
    check(
      'everything missed comes in order before `live`, receipts too',
      async ({ people, direct, group }) => {
        const [ann, ben, cleo] = await people('ann', 'ben', 'cleo')
        const ids = [await direct(ann, ben), await group(ann, [ben, cleo])]
        const [from, away] = [await ann.connect(), await ben.connect()]
        // ben's own message, to be read while he is away
        await away.say(ids[0] as string, 'read me')
        await away.close()
        await from.get({ t: 'message', conversationId: ids[0], seq: 1 })
        await from.ask({ t: 'read', conversationId: ids[0], upTo: 1 })
        for (let n = 0; n < 20; n++) await from.say(ids[n % 2] as string, `missed ${n}`)
        const back = await ben.connect()
        const live = back.frames.findIndex(({ t }) => t === 'live')
        const missed = back.frames.slice(0, live)
        const seqs = (id: string | undefined) =>
          missed.filter((frame) => frame.t === 'message' && frame.conversationId === id).map(({ seq }) => seq)
        assert.deepEqual(
          seqs(ids[0]).filter((seq) => seq > 1),
          upTo(11).slice(1),
        )
        assert.deepEqual(seqs(ids[1]), upTo(10))
        const receipt = missed.find((frame) => frame.t === 'receipt' && frame.kind === 'read')
        assert.deepEqual([receipt?.userId, receipt?.conversationId, receipt?.upTo], [ann.userId, ids[0], 1])
      },
    ),
    check('what was acknowledged does not come again', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const [from, to] = [await ann.connect(), await ben.connect()]
      for (let n = 1; n <= 3; n++) await from.say(id, `number ${n}`)
      await to.get({ t: 'message', seq: 3 })
      await to.ask({ t: 'delivered', conversationId: id, upTo: 3 })
      to.send({ t: 'ping' })
      const { position } = await to.get({ t: 'pong' })
      to.send({ t: 'ack', position })
      await to.settled()
      await to.close()
      await from.say(id, 'number 4')
      const back = await ben.connect()
      await back.get({ t: 'message', seq: 4 })
      assert.deepEqual(seqsOf(back, id), [4])
    }),
    check('each device catches up for itself', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const [from, phone] = [await ann.connect(), await ben.connect({ device: 'phone' })]
      await (await ben.connect({ device: 'laptop' })).close()
      for (let n = 1; n <= 3; n++) await from.say(id, `number ${n}`)
      await phone.get({ t: 'message', seq: 3 })
      await phone.ask({ t: 'read', conversationId: id, upTo: 3 })
      const laptop = await ben.connect({ device: 'laptop' })
      await laptop.get({ t: 'message', seq: 3 })
      assert.deepEqual(seqsOf(laptop, id), [1, 2, 3])
    }),
    check(
      'who comes while others go on writing misses nothing and gets nothing twice',
      async ({ people, direct }) => {
        const [ann, ben] = await people('ann', 'ben')
        const id = await direct(ann, ben)
        const from = await ann.connect()
        const writing = (async () => {
          for (let n = 1; n <= 60; n++) await from.say(id, `number ${n}`)
        })()
        await from.get({ t: 'sent', seq: 10 })
        const to = await ben.connect()
        await writing
        await to.get({ t: 'message', seq: 60 })
        assert.deepEqual(seqsOf(to, id), upTo(60))
      },
    ),
    check('a device that was replaced loses nothing', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const from = await ann.connect()
      const older = await ben.connect({ device: 'phone' })
      await from.say(id, 'one')
      await older.get({ t: 'message', seq: 1 })
      const newer = await ben.connect({ device: 'phone' })
      await from.say(id, 'two')
      await newer.get({ t: 'message', seq: 2 })
      assert.deepEqual(seqsOf(newer, id), [1, 2])
    }),
    check('a conversation that begins is told to its members', async ({ people, group }) => {
      const [ann, ben] = await people('ann', 'ben')
      const [by, other] = [await ann.connect(), await ben.connect()]
      const id = await group(ann, [ben], 'Tea')
      for (const device of [by, other]) {
        const frame = await device.get({ t: 'conversation', conversationId: id })
        assert.deepEqual([frame.kind, frame.title, frame.lastSeq], ['group', 'Tea', 0])
      }
    }),
  ],
}
