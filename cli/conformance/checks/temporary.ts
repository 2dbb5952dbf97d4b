/** Temporary conversations: words that are gone when they are due, facts that stay. */
import assert from 'node:assert/strict'
import { type Area, check } from '../check.ts'
import { composeMessage, type Frame, textBody } from '../message.ts'
import type { Person, Stage } from '../stage.ts'
import { expectProblem } from './expect.ts'

async function start(by: Person, other: Person, retention: Frame): Promise<string> {
  const { status, body } = await by.call('POST', '/v1/conversations', {
    kind: 'group',
    members: [other.userId],
    retention,
  })
  assert.equal(status, 201, JSON.stringify(body))
  return body.conversationId
}

/** Waits until the history shows a message without its words. */
const gone = (stage: Stage, person: Person, id: string): Promise<Frame> =>
  stage.until('the words are gone', async () => {
    const { body } = await person.call('GET', `/v1/conversations/${id}/messages`)
    const [message] = (body.messages ?? []) as Frame[]
    return message && message.body === undefined && message
  })

export const temporary: Area = {
  area: 'temporary conversations',
  checks: [
    check(
      'with `ttl` the words are gone after their seconds; the message, its receipts and its answer stay',
      async (stage) => {
        const [ann, ben] = await stage.people('ann', 'ben')
        const id = await start(ann, ben, { mode: 'ttl', seconds: 5 })
        const [from, to] = [await ann.connect(), await ben.connect()]
        const message = { t: 'send', ...composeMessage(from, id, textBody('for a moment')) }
        const sent = await from.ask(message)
        assert.equal(sent.t, 'sent', JSON.stringify(sent))
        assert.equal((await to.get({ t: 'message' })).body.text, 'for a moment')
        const read = await to.ask({ t: 'read', conversationId: id, upTo: 1 })
        const left = await gone(stage, ben, id)
        assert.deepEqual(
          [left.seq, left.messageId, left.at, left.gone],
          [1, sent.messageId, sent.at, 'expired'],
        )
        assert.equal((await to.get({ t: 'deleted', messageId: sent.messageId })).reason, 'expired')
        const { body } = await ann.call('GET', `/v1/conversations/${id}/messages/1/receipts`)
        assert.equal((body.receipts as Frame[])[0]?.readAt, read.at)
        const again = await from.ask(message)
        assert.deepEqual([again.seq, again.at], [sent.seq, sent.at])
      },
    ),
    check(
      'with `until-delivered` the words are gone when everybody has them, and not before',
      async (stage) => {
        const [ann, ben] = await stage.people('ann', 'ben')
        const id = await start(ann, ben, { mode: 'until-delivered' })
        const from = await ann.connect()
        await from.say(id, 'on the way')
        const before = await ann.call('GET', `/v1/conversations/${id}/messages`)
        assert.equal(before.body.messages[0].body.text, 'on the way')
        const to = await ben.connect()
        assert.equal((await to.get({ t: 'message' })).body.text, 'on the way')
        await to.ask({ t: 'delivered', conversationId: id, upTo: 1 })
        assert.equal((await gone(stage, ann, id)).seq, 1)
      },
    ),
    check('retention is changed by an admin, and counts from then on', async (stage) => {
      const [ann, ben] = await stage.people('ann', 'ben')
      const id = await stage.group(ann, [ben])
      const path = `/v1/conversations/${id}`
      const retention = { mode: 'ttl', seconds: 5 }
      expectProblem(await ben.call('PATCH', path, { retention }), 403, 'forbidden')
      const [from, to] = [await ann.connect(), await ben.connect()]
      await from.say(id, 'stays')
      assert.equal((await ann.call('PATCH', path, { retention })).status, 200)
      assert.deepEqual((await to.get({ t: 'conversation', change: 'retention' })).retention, retention)
      await from.say(id, 'goes')
      await to.get({ t: 'deleted', seq: 2 })
      const { body } = await ben.call('GET', `${path}/messages`)
      assert.deepEqual(
        (body.messages as Frame[]).map((message) => message.body?.text),
        ['stays', undefined],
      )
    }),
    check('a retention that cannot be kept is refused', async ({ people }) => {
      const [ann, ben] = await people('ann', 'ben')
      for (const retention of [{ mode: 'ttl' }, { mode: 'ttl', seconds: 0 }, { mode: 'now' }]) {
        const request = { kind: 'group', members: [ben.userId], retention }
        expectProblem(await ann.call('POST', '/v1/conversations', request), 400, 'bad_frame')
      }
    }),
  ],
}
