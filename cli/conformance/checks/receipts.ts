/** Delivered and read: ranges that move forward, told to those whom they concern. */
import assert from 'node:assert/strict'
import { type Area, check } from '../check.ts'
import { expectError } from './expect.ts'

export const receipts: Area = {
  area: 'receipts',
  checks: [
    check('`delivered` and `read` reach the sender, each once with its time', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const [from, to] = [await ann.connect(), await ben.connect()]
      await from.say(id, 'hello')
      for (const kind of ['delivered', 'read']) {
        const answer = await to.ask({ t: kind, conversationId: id, upTo: 1 })
        assert.deepEqual([answer.t, answer.kind, answer.upTo], ['receipt', kind, 1], JSON.stringify(answer))
        const receipt = await from.get({ t: 'receipt', kind })
        const { conversationId, userId, upTo, at } = receipt
        assert.deepEqual(
          { conversationId, userId, upTo, at },
          { conversationId: id, userId: ben.userId, upTo: 1, at: answer.at },
        )
      }
    }),
    check('one receipt covers any number of messages', async ({ people, direct, until }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const [from, to] = [await ann.connect(), await ben.connect()]
      for (let n = 1; n <= 7; n++) await from.say(id, `number ${n}`)
      await to.get({ t: 'message', seq: 7 })
      await to.ask({ t: 'read', conversationId: id, upTo: 7 })
      assert.equal((await from.get({ t: 'receipt', kind: 'read' })).upTo, 7)
      await until('all are blue', async () => {
        const { body } = await ann.call('GET', `/v1/conversations/${id}/messages`)
        return (
          body.messages?.length === 7 &&
          body.messages.every(({ ticks }: { ticks: string }) => ticks === 'read')
        )
      })
    }),
    check('reading implies delivered', async ({ people, direct, until }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const [from, to] = [await ann.connect(), await ben.connect()]
      await from.say(id, 'hello')
      await to.ask({ t: 'read', conversationId: id, upTo: 1 })
      const info = await until('message info', async () => {
        const { body } = await ann.call('GET', `/v1/conversations/${id}/messages/1/receipts`)
        return body.receipts?.find(({ userId }: { userId: string }) => userId === ben.userId)
      })
      assert.ok(info.deliveredAt <= info.readAt, JSON.stringify(info))
    }),
    check('what is beyond the last message cannot be acknowledged', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      await (await ann.connect()).say(id, 'one')
      const to = await ben.connect()
      expectError(await to.ask({ t: 'delivered', conversationId: id, upTo: 2 }), 'conflict')
      expectError(await to.ask({ t: 'read', conversationId: id, upTo: 0 }), 'bad_frame')
    }),
    check(
      'a receipt goes to the person’s other devices, and to nobody whom it does not concern',
      async ({ people, group }) => {
        const [ann, ben, cleo] = await people('ann', 'ben', 'cleo')
        const id = await group(ann, [ben, cleo])
        const [from, phone, laptop, third] = await Promise.all([
          ann.connect(),
          ben.connect({ device: 'phone' }),
          ben.connect({ device: 'laptop' }),
          cleo.connect(),
        ])
        await from.say(id, 'hello')
        await phone.get({ t: 'message', seq: 1 })
        await phone.ask({ t: 'read', conversationId: id, upTo: 1 })
        await laptop.get({ t: 'receipt', userId: ben.userId, kind: 'read' })
        await from.get({ t: 'receipt', userId: ben.userId, kind: 'read' })
        // Had cleo been told, it would have come before this.
        await from.say(id, 'the end')
        await third.get({ t: 'message', seq: 2 })
        assert.deepEqual(third.all({ t: 'receipt', userId: ben.userId }), [])
      },
    ),
    check('a stranger acknowledges nothing', async ({ people, direct }) => {
      const [ann, ben, eve] = await people('ann', 'ben', 'eve')
      const id = await direct(ann, ben)
      await (await ann.connect()).say(id, 'one')
      const device = await eve.connect()
      for (const t of ['delivered', 'read']) {
        expectError(await device.ask({ t, conversationId: id, upTo: 1 }), 'not_member')
      }
    }),
    check(
      'ticks go from `sent` over `delivered` to `read`, of a group when it is so for all',
      async ({ people, group, until }) => {
        const [ann, ben, cleo] = await people('ann', 'ben', 'cleo')
        const id = await group(ann, [ben, cleo])
        const [from, ...others] = await Promise.all([ann.connect(), ben.connect(), cleo.connect()])
        await from.say(id, 'hello')
        const ticksAre = (wanted: string) =>
          until(`ticks are ${wanted}`, async () => {
            const { body } = await ann.call('GET', `/v1/conversations/${id}/messages`)
            return body.messages?.[0]?.ticks === wanted
          })
        await ticksAre('sent')
        for (const [kind, before] of [
          ['delivered', 'sent'],
          ['read', 'delivered'],
        ] as const) {
          await others[0]?.ask({ t: kind, conversationId: id, upTo: 1 })
          await ticksAre(before)
          await others[1]?.ask({ t: kind, conversationId: id, upTo: 1 })
          await ticksAre(kind)
        }
      },
    ),
    check('message info says per person when it was delivered and read', async ({ people, group, until }) => {
      const [ann, ben, cleo] = await people('ann', 'ben', 'cleo')
      const id = await group(ann, [ben, cleo])
      const [from, to] = await Promise.all([ann.connect(), ben.connect()])
      await from.say(id, 'hello')
      const read = await to.ask({ t: 'read', conversationId: id, upTo: 1 })
      const path = `/v1/conversations/${id}/messages/1/receipts`
      const people_ = await until('message info', async () => {
        const { status, body } = await ann.call('GET', path)
        return (
          status === 200 &&
          new Map<string, { readAt: unknown; deliveredAt: unknown }>(
            body.receipts.map((one: { userId: string }) => [one.userId, one]),
          )
        )
      })
      assert.equal(people_.get(ben.userId)?.readAt, read.at)
      assert.deepEqual(
        [people_.get(cleo.userId)?.deliveredAt ?? null, people_.get(cleo.userId)?.readAt ?? null],
        [null, null],
      )
      assert.equal(people_.has(ann.userId), false)
    }),
  ],
}
