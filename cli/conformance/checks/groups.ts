/** Groups: who is in them, who decides about it, and what each of them sees. */
import assert from 'node:assert/strict'
import { type Area, check } from '../check.ts'
import { composeMessage, type Frame, textBody } from '../message.ts'
import type { Person } from '../stage.ts'
import { expectError, expectProblem, seqsOf } from './expect.ts'

const membersOf = (body: Frame): Record<string, string> =>
  Object.fromEntries((body.members as Frame[]).map(({ userId, role }) => [userId, role]))

const member = (id: string, { userId }: Person) => `/v1/conversations/${id}/members/${userId}`

export const groups: Area = {
  area: 'groups',
  checks: [
    check('who starts a group is its admin, the others are members', async ({ people, group }) => {
      const [ann, ben, cleo] = await people('ann', 'ben', 'cleo')
      const id = await group(ann, [ben, cleo], 'Tea')
      const { status, body } = await ben.call('GET', `/v1/conversations/${id}`)
      assert.equal(status, 200)
      assert.deepEqual([body.conversationId, body.kind, body.title, body.lastSeq], [id, 'group', 'Tea', 0])
      assert.deepEqual(membersOf(body), {
        [ann.userId]: 'admin',
        [ben.userId]: 'member',
        [cleo.userId]: 'member',
      })
    }),
    check('only admins add, remove and rename, and give roles', async ({ people, group }) => {
      const [ann, ben, cleo, eve] = await people('ann', 'ben', 'cleo', 'eve')
      const id = await group(ann, [ben, cleo])
      for (const [person, code] of [
        [ben, 'forbidden'],
        [eve, 'not_member'],
      ] as const) {
        const path = `/v1/conversations/${id}`
        expectProblem(await person.call('POST', `${path}/members`, { userIds: [eve.userId] }), 403, code)
        expectProblem(await person.call('DELETE', member(id, cleo)), 403, code)
        expectProblem(await person.call('PATCH', path, { title: 'Mine' }), 403, code)
        expectProblem(await person.call('PATCH', member(id, person), { role: 'admin' }), 403, code)
      }
    }),
    check('who is added is told, hears nothing of before, and gets what comes', async ({ people, group }) => {
      const [ann, ben, cleo] = await people('ann', 'ben', 'cleo')
      const id = await group(ann, [ben])
      const [from, old, late] = await Promise.all([ann.connect(), ben.connect(), cleo.connect()])
      await from.say(id, 'before')
      const added = await ann.call('POST', `/v1/conversations/${id}/members`, { userIds: [cleo.userId] })
      assert.equal(added.status, 200, JSON.stringify(added.body))
      await late.get({ t: 'conversation', conversationId: id })
      const told = await old.get({ t: 'member', userId: cleo.userId })
      assert.deepEqual([told.change, told.by], ['added', ann.userId])
      await from.say(id, 'after')
      await late.get({ t: 'message', conversationId: id, seq: 2 })
      assert.deepEqual(seqsOf(late, id), [2])
    }),
    check(
      'who is removed and added again while away gets what was said in both of their times',
      async ({ people, group }) => {
        const [ann, ben, cleo] = await people('ann', 'ben', 'cleo')
        const id = await group(ann, [ben, cleo])
        const from = await ann.connect()
        await from.say(id, 'in the first time')
        await ann.call('DELETE', member(id, cleo))
        await from.say(id, 'without cleo')
        await ann.call('POST', `/v1/conversations/${id}/members`, { userIds: [cleo.userId] })
        await from.say(id, 'in the second time')
        assert.deepEqual(seqsOf(await cleo.connect(), id), [1, 3])
      },
    ),
    check(
      'who is removed is told, gets nothing more, and keeps what they had',
      async ({ people, group, until }) => {
        const [ann, ben, cleo] = await people('ann', 'ben', 'cleo')
        const id = await group(ann, [ben, cleo])
        const [from, stays, goes] = await Promise.all([ann.connect(), ben.connect(), cleo.connect()])
        await from.say(id, 'before')
        await goes.get({ t: 'message', seq: 1 })
        assert.equal((await ann.call('DELETE', member(id, cleo))).status, 204)
        const told = await goes.get({ t: 'member', userId: cleo.userId })
        assert.deepEqual([told.change, told.by], ['removed', ann.userId])
        await from.say(id, 'after')
        await stays.get({ t: 'message', seq: 2 })
        expectError(
          await goes.ask({ t: 'send', ...composeMessage(goes, id, textBody('still here')) }),
          'not_member',
        )
        assert.deepEqual(seqsOf(goes, id), [1])
        await until('what cleo had', async () => {
          const { body } = await cleo.call('GET', `/v1/conversations/${id}/messages`)
          return body.messages?.length === 1 && body.messages[0].seq === 1
        })
        expectProblem(await cleo.call('GET', `/v1/conversations/${id}`), 403, 'not_member')
      },
    ),
    check('everybody may leave', async ({ people, group }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await group(ann, [ben])
      const stays = await ann.connect()
      assert.equal((await ben.call('DELETE', member(id, ben))).status, 204)
      const told = await stays.get({ t: 'member', userId: ben.userId })
      assert.deepEqual([told.change, told.by], ['removed', ben.userId])
    }),
    check('when the last admin leaves, another member is one', async ({ people, group }) => {
      const [ann, ben, cleo] = await people('ann', 'ben', 'cleo')
      const id = await group(ann, [ben, cleo])
      assert.equal((await ann.call('DELETE', member(id, ann))).status, 204)
      const { body } = await ben.call('GET', `/v1/conversations/${id}`)
      assert.ok(Object.values(membersOf(body)).includes('admin'), JSON.stringify(body))
    }),
    check('an admin makes another one, who may then do the same', async ({ people, group }) => {
      const [ann, ben, cleo] = await people('ann', 'ben', 'cleo')
      const id = await group(ann, [ben, cleo])
      const device = await cleo.connect()
      assert.equal((await ann.call('PATCH', member(id, ben), { role: 'admin' })).status, 200)
      const told = await device.get({ t: 'member', userId: ben.userId })
      assert.deepEqual([told.change, told.role, told.by], ['role', 'admin', ann.userId])
      assert.equal((await ben.call('PATCH', `/v1/conversations/${id}`, { title: 'Ours' })).status, 200)
      assert.equal((await device.get({ t: 'conversation', change: 'renamed' })).title, 'Ours')
    }),
    check('the two of a direct conversation do not change', async ({ people, direct }) => {
      const [ann, ben, cleo] = await people('ann', 'ben', 'cleo')
      const id = await direct(ann, ben)
      const added = await ann.call('POST', `/v1/conversations/${id}/members`, { userIds: [cleo.userId] })
      expectProblem(added, 409, 'conflict')
      expectProblem(await ann.call('DELETE', member(id, ben)), 409, 'conflict')
    }),
    check(
      'who has left counts no more for the ticks, and who came later does not count',
      async ({ people, group, until }) => {
        const [ann, ben, cleo, dan] = await people('ann', 'ben', 'cleo', 'dan')
        const id = await group(ann, [ben, cleo])
        const [from, reader] = await Promise.all([ann.connect(), ben.connect()])
        await from.say(id, 'hello')
        await reader.ask({ t: 'read', conversationId: id, upTo: 1 })
        await ann.call('POST', `/v1/conversations/${id}/members`, { userIds: [dan.userId] })
        await ann.call('DELETE', member(id, cleo))
        await until('the tick is blue', async () => {
          const { body } = await ann.call('GET', `/v1/conversations/${id}/messages`)
          return body.messages?.[0]?.ticks === 'read'
        })
      },
    ),
  ],
}
