/** Messages: sent once, numbered, proven by their id, deleted by their senders. */
import assert from 'node:assert/strict'
import { type Area, check } from '../check.ts'
import { composeMessage, textBody } from '../message.ts'
import { expectError, expectProblem, seqsOf, upTo } from './expect.ts'

const TEXT_CHARACTERS = 8192
const UNKNOWN_CONVERSATION = '01900000-0000-7000-8000-000000000000'

const inOrder = (seqs: readonly number[]): number[] => [...seqs].sort((a, b) => a - b)

export const messages: Area = {
  area: 'messages',
  checks: [
    check('a message is answered by `sent` and comes to the other', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const [from, to] = [await ann.connect({ device: 'phone' }), await ben.connect()]
      const message = composeMessage(from, id, textBody('Hello 👋🏽'))
      const sent = await from.ask({ t: 'send', ...message })
      assert.equal(sent.t, 'sent', JSON.stringify(sent))
      assert.deepEqual([sent.conversationId, sent.messageId, sent.seq], [id, message.messageId, 1])
      assert.ok(Math.abs(sent.at - Date.now()) < 60 * 60 * 1000, '`at` is in Unix milliseconds')
      const got = await to.get({ t: 'message', conversationId: id })
      const { seq, messageId, senderId, deviceId, at, body } = got
      assert.deepEqual(
        { seq, messageId, senderId, deviceId, at, body },
        {
          seq: 1,
          messageId: message.messageId,
          senderId: ann.userId,
          deviceId: 'phone',
          at: sent.at,
          body: message.body,
        },
      )
    }),
    check(
      'what several write at once is numbered 1, 2, 3 … and comes to all in that order',
      async ({ people, group }) => {
        const crowd = await people('ann', 'ben', 'cleo', 'dan')
        const id = await group(crowd[0], crowd.slice(1))
        const devices = await Promise.all(crowd.map((person) => person.connect()))
        const each = 10
        const sent = await Promise.all(
          devices.map((device) =>
            Promise.all(upTo(each).map((n) => device.say(id, `${device.userId} says ${n}`))),
          ),
        )
        const all = upTo(each * devices.length)
        const given = sent.flat().map(({ seq }) => seq)
        assert.deepEqual(inOrder(given), all)
        for (const [index, device] of devices.entries()) {
          const own = sent[index]?.map(({ seq }) => seq) ?? []
          await device.get(() => seqsOf(device, id).length >= all.length - each)
          assert.deepEqual(
            seqsOf(device, id),
            all.filter((seq) => !own.includes(seq)),
          )
        }
      },
    ),
    check(
      'sent again, anywhere, a message gets the same answer and exists once',
      async ({ people, direct, until }) => {
        const [ann, ben] = await people('ann', 'ben')
        const id = await direct(ann, ben)
        const [first, to] = [await ann.connect({ device: 'phone' }), await ben.connect()]
        const message = composeMessage(first, id, textBody('once'))
        const answers = [
          await first.ask({ t: 'send', ...message }),
          await first.ask({ t: 'send', ...message }),
        ]
        await first.close()
        const second = await ann.connect({ device: 'phone' })
        answers.push(await second.ask({ t: 'send', ...message }))
        const path = `/v1/conversations/${id}/messages`
        const { conversationId: _, ...content } = message
        const posted = await ann.call('POST', path, { ...content, deviceId: 'phone' })
        assert.equal(posted.status, 200, JSON.stringify(posted.body))
        answers.push(posted.body)
        for (const { messageId, seq, at } of answers) {
          assert.deepEqual(
            { messageId, seq, at },
            { messageId: message.messageId, seq: 1, at: answers[0]?.at },
          )
        }
        await second.say(id, 'the next')
        await to.get({ t: 'message', seq: 2 })
        assert.deepEqual(seqsOf(to, id), [1, 2])
        const history = await until('the history', async () => (await ben.call('GET', path)).body.messages)
        assert.equal(history.length, 2)
      },
    ),
    check('the same message sent twice at once exists once', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const device = await ann.connect()
      const message = { t: 'send', ...composeMessage(device, id, textBody('twice')) }
      const [one, two] = await Promise.all([device.ask(message), device.ask(message)])
      assert.deepEqual([one.seq, one.at], [two.seq, two.at])
      assert.equal((await device.say(id, 'next')).seq, 2)
    }),
    check('an id that is not the hash of the content is an `id_mismatch`', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const device = await ann.connect()
      const message = composeMessage(device, id, textBody('as it was'))
      expectError(await device.ask({ t: 'send', ...message, body: textBody('as it was not') }), 'id_mismatch')
      const stolen = composeMessage({ userId: ben.userId, deviceId: 'default' }, id, textBody('not mine'))
      expectError(await device.ask({ t: 'send', ...stolen }), 'id_mismatch')
      const elsewhere = composeMessage({ userId: ann.userId, deviceId: 'other' }, id, textBody('not here'))
      expectError(await device.ask({ t: 'send', ...elsewhere }), 'id_mismatch')
      assert.equal((await device.say(id, 'good')).seq, 1)
    }),
    check(
      'every kind of body arrives as it was sent, with fields that nobody knows',
      async ({ people, direct }) => {
        const [ann, ben] = await people('ann', 'ben')
        const id = await direct(ann, ben)
        const [from, to] = [await ann.connect(), await ben.connect()]
        const first = await from.say(id, 'answer me')
        const bodies = [
          {
            kind: 'text',
            text: '🇩🇪 e\u0301 \u2028 "quoted" \\ שלום 漢字 \u{1F469}\u200D\u{1F680}',
            replyTo: first.messageId,
          },
          {
            kind: 'media',
            mediaId: 'm-1',
            name: 'cat.jpg',
            mime: 'image/jpeg',
            size: 12345,
            caption: 'Cat',
            width: 4,
            height: 3,
          },
          { kind: 'sealed', suite: 'MLS_128', data: Buffer.from('ciphertext').toString('base64') },
          { kind: 'text', text: 'more', mood: { colour: 'green', level: 7 } },
        ]
        for (const [index, body] of bodies.entries()) {
          const answer = await from.ask({ t: 'send', ...composeMessage(from, id, body) })
          assert.equal(answer.t, 'sent', JSON.stringify(answer))
          assert.deepEqual((await to.get({ t: 'message', seq: index + 2 })).body, body)
        }
      },
    ),
    check(
      `a text has up to ${TEXT_CHARACTERS} characters; one more is \`too_large\``,
      async ({ people, direct }) => {
        const [ann, ben] = await people('ann', 'ben')
        const id = await direct(ann, ben)
        const device = await ann.connect()
        const long = composeMessage(device, id, textBody('😀'.repeat(TEXT_CHARACTERS)))
        assert.equal((await device.ask({ t: 'send', ...long })).t, 'sent')
        const longer = composeMessage(device, id, textBody('x'.repeat(TEXT_CHARACTERS + 1)))
        expectError(await device.ask({ t: 'send', ...longer }), 'too_large')
      },
    ),
    check('a stranger’s message is refused, and one to nowhere', async ({ people, direct }) => {
      const [ann, ben, eve] = await people('ann', 'ben', 'eve')
      const id = await direct(ann, ben)
      const device = await eve.connect()
      const message = composeMessage(device, id, textBody('let me in'))
      expectError(await device.ask({ t: 'send', ...message }), 'not_member')
      const lost = composeMessage(device, UNKNOWN_CONVERSATION, textBody('anybody?'))
      expectError(await device.ask({ t: 'send', ...lost }), 'not_found', 'not_member')
    }),
    check('a message that is sent over HTTP comes over sockets', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const to = await ben.connect()
      const { conversationId: _, ...message } = composeMessage(
        { userId: ann.userId, deviceId: 'web' },
        id,
        textBody('posted'),
      )
      const posted = await ann.call('POST', `/v1/conversations/${id}/messages`, {
        ...message,
        deviceId: 'web',
      })
      assert.equal(posted.status, 200, JSON.stringify(posted.body))
      const got = await to.get({ t: 'message', conversationId: id })
      assert.deepEqual([got.messageId, got.seq, got.deviceId], [message.messageId, posted.body.seq, 'web'])
    }),
    check('over HTTP too, a wrong id and a stranger are refused', async ({ people, direct }) => {
      const [ann, ben, eve] = await people('ann', 'ben', 'eve')
      const id = await direct(ann, ben)
      const path = `/v1/conversations/${id}/messages`
      const { conversationId: _, ...message } = composeMessage(
        { userId: ann.userId, deviceId: 'web' },
        id,
        textBody('x'),
      )
      expectProblem(await ann.call('POST', path, { ...message, deviceId: 'phone' }), 422, 'id_mismatch')
      const { conversationId: __, ...hers } = composeMessage(
        { userId: eve.userId, deviceId: 'web' },
        id,
        textBody('x'),
      )
      expectProblem(await eve.call('POST', path, { ...hers, deviceId: 'web' }), 403, 'not_member')
      expectProblem(await ann.call('POST', path, { deviceId: 'web' }), 400, 'bad_frame')
    }),
    check(
      'its sender deletes a message for everyone, again with the same answer',
      async ({ people, direct, until }) => {
        const [ann, ben] = await people('ann', 'ben')
        const id = await direct(ann, ben)
        const [from, to] = [await ann.connect(), await ben.connect()]
        const { messageId } = await from.say(id, 'a slip')
        const asked = { t: 'delete', conversationId: id, messageId }
        const deleted = await from.ask(asked)
        assert.deepEqual([deleted.t, deleted.seq, deleted.messageId], ['deleted', 1, messageId])
        const told = await to.get({ t: 'deleted', conversationId: id })
        assert.deepEqual([told.seq, told.messageId, told.at], [1, messageId, deleted.at])
        assert.equal((await from.ask(asked)).at, deleted.at)
        await until('the body is gone', async () => {
          const { body } = await ben.call('GET', `/v1/conversations/${id}/messages`)
          return body.messages?.[0]?.body === undefined
        })
      },
    ),
    check('nobody else deletes it', async ({ people, direct }) => {
      const [ann, ben, eve] = await people('ann', 'ben', 'eve')
      const id = await direct(ann, ben)
      const { messageId } = await (await ann.connect()).say(id, 'mine')
      const asked = { t: 'delete', conversationId: id, messageId }
      expectError(await (await ben.connect()).ask(asked), 'forbidden')
      expectError(await (await eve.connect()).ask(asked), 'not_member')
    }),
  ],
}
