/** HTTP: conversations, inbox, history, and how errors are told. */
import assert from 'node:assert/strict'
import { type Area, check } from '../check.ts'
import type { Frame } from '../message.ts'
import { ERROR_CODES, expectProblem } from './expect.ts'

const seqs = ({ messages }: Frame): number[] =>
  (messages as Frame[]).map(({ seq }) => seq).sort((a, b) => a - b)

export const http: Area = {
  area: 'http',
  checks: [
    check('two people have one conversation, whoever starts it', async ({ people }) => {
      const [ann, ben] = await people('ann', 'ben')
      const first = await ann.call('POST', '/v1/conversations', { kind: 'direct', members: [ben.userId] })
      const second = await ben.call('POST', '/v1/conversations', { kind: 'direct', members: [ann.userId] })
      assert.deepEqual([first.status, second.status], [201, 200])
      assert.equal(first.body.conversationId, second.body.conversationId)
      assert.deepEqual([first.body.kind, first.body.lastSeq, first.body.members.length], ['direct', 0, 2])
    }),
    check('a conversation is shown to its members alone', async ({ people, direct }) => {
      const [ann, ben, eve] = await people('ann', 'ben', 'eve')
      const id = await direct(ann, ben)
      await (await ann.connect()).say(id, 'between us')
      for (const path of ['', '/messages', '/messages/1/receipts']) {
        expectProblem(await eve.call('GET', `/v1/conversations/${id}${path}`), 403, 'not_member')
      }
      const inbox = await eve.call('GET', '/v1/inbox')
      assert.deepEqual(inbox.body.conversations, [])
    }),
    check('what does not exist is `not_found`', async ({ people }) => {
      const [ann] = await people('ann')
      const nowhere = '/v1/conversations/01900000-0000-7000-8000-000000000000'
      expectProblem(await ann.call('GET', nowhere), 404, 'not_found')
      expectProblem(await ann.call('GET', `${nowhere}/messages`), 404, 'not_found')
      expectProblem(await ann.call('GET', '/v1/nothing-of-the-kind'), 404, 'not_found')
    }),
    check('what cannot be read is `bad_frame`', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const wrong: readonly (readonly [string, string, object?])[] = [
        ['POST', '/v1/conversations', {}],
        ['POST', '/v1/conversations', { kind: 'duel', members: [ben.userId] }],
        ['POST', '/v1/conversations', { kind: 'direct', members: ['b e n'] }],
        ['POST', '/v1/conversations', { kind: 'direct', members: [] }],
        ['GET', '/v1/conversations/no-id'],
        ['GET', `/v1/conversations/${id}/messages?limit=0`],
        ['GET', `/v1/conversations/${id}/messages?before=x`],
        ['GET', `/v1/conversations/${id}/messages?before=1&after=2`],
        ['GET', '/v1/inbox?limit=-1'],
      ]
      for (const [method, path, body] of wrong) {
        expectProblem(await ann.call(method, path, body), 400, 'bad_frame')
      }
    }),
    check('every problem has a code of the catalogue', async ({ call }) => {
      const { contentType, body } = await call('GET', '/v1/inbox')
      assert.match(contentType, /^application\/problem\+json/)
      assert.ok(ERROR_CODES.includes(body.code), JSON.stringify(body))
    }),
    check(
      'the inbox shows the newest first, with what is unread and the ticks',
      async ({ people, direct, until }) => {
        const [ann, ben, cleo] = await people('ann', 'ben', 'cleo')
        const [older, newer] = [await direct(ann, ben), await direct(ann, cleo)]
        const [from, other, mine] = await Promise.all([ben.connect(), cleo.connect(), ann.connect()])
        await mine.say(older, 'from me')
        await from.say(older, 'one')
        await from.say(older, 'two')
        const last = await other.say(newer, 'newest')
        const { body } = await ann.call('GET', '/v1/inbox')
        const conversations = body.conversations as Frame[]
        assert.deepEqual(
          conversations.map(({ conversationId }) => conversationId),
          [newer, older],
        )
        assert.deepEqual(
          conversations.map(({ unread }) => unread),
          [1, 2],
        )
        assert.deepEqual(
          [conversations[0]?.lastMessage.messageId, conversations[0]?.lastMessage.body.text],
          [last.messageId, 'newest'],
        )
        assert.equal(conversations[1]?.lastOwnMessage.ticks, 'sent')
        await mine.ask({ t: 'read', conversationId: older, upTo: 3 })
        await until('it is read', async () => {
          const again = await ann.call('GET', '/v1/inbox')
          return (again.body.conversations as Frame[])[1]?.unread === 0
        })
      },
    ),
    check('an empty value in a query is none, and no body is none', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      assert.equal((await ann.call('GET', '/v1/inbox?after=&limit=')).status, 200)
      assert.equal((await ann.call('GET', `/v1/conversations/${id}/messages?before=&limit=`)).status, 200)
      assert.equal((await ann.call('POST', '/v1/ws-tickets')).status, 201)
    }),
    check('the inbox comes in pages', async ({ people, direct }) => {
      const [ann, ...others] = await people('ann', 'ben', 'cleo', 'dan')
      const ids: string[] = []
      for (const other of others) ids.push(await direct(ann, other))
      const seen: string[] = []
      let after = ''
      do {
        const { body } = await ann.call('GET', `/v1/inbox?limit=2${after}`)
        seen.push(...(body.conversations as Frame[]).map(({ conversationId }) => conversationId))
        after = body.next === undefined ? '' : `&after=${encodeURIComponent(body.next)}`
      } while (after !== '')
      assert.deepEqual(seen.sort(), ids.sort())
    }),
    check('history is paged before, after and around any seq', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const device = await ann.connect()
      for (let n = 1; n <= 9; n++) await device.say(id, `number ${n}`)
      const page = async (query: string) =>
        seqs((await ben.call('GET', `/v1/conversations/${id}/messages?${query}`)).body)
      assert.deepEqual(await page('limit=3'), [7, 8, 9])
      assert.deepEqual(await page('before=4&limit=2'), [2, 3])
      assert.deepEqual(await page('after=4&limit=2'), [5, 6])
      assert.deepEqual(await page('around=5&limit=3'), [4, 5, 6])
      assert.deepEqual(await page('after=9'), [])
    }),
    check('only own messages have ticks', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      await (await ann.connect()).say(id, 'hello')
      const ticks = async (person: typeof ann) =>
        (await person.call('GET', `/v1/conversations/${id}/messages`)).body.messages[0].ticks
      assert.deepEqual([await ticks(ann), await ticks(ben)], ['sent', undefined])
    }),
    check('health needs no token', async ({ call }) => {
      for (const path of ['/livez', '/readyz', '/metrics'])
        assert.equal((await call('GET', path)).status, 200, path)
    }),
  ],
}
