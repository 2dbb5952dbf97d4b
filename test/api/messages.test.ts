/** What becomes of a message, from who sends it to every device of who reads it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { begin, call, createCast, join, messageIdOf, sayAll, textFrame } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'

let system: System
let url: string

beforeAll(async () => {
  system = await startSystem()
  url = system.urls[0] as string
})
afterAll(() => system.stop())

const people = createCast()

describe('a message and its three lives', () => {
  test('is sent, delivered and read, and its sender sees each', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    const [a, b] = [await join(url, alice), await join(url, bob)]
    const sent = await a.say(id, 'hello')
    expect(sent).toMatchObject({ t: 'sent', conversationId: id, seq: 1 })
    const message = await b.get({ t: 'message', conversationId: id })
    expect(message).toMatchObject({
      seq: 1,
      messageId: sent.messageId,
      senderId: alice,
      at: sent.at,
      body: { kind: 'text', text: 'hello' },
    })
    b.send({ t: 'delivered', conversationId: id, upTo: 1 })
    expect(await a.get({ t: 'receipt', kind: 'delivered' })).toMatchObject({ userId: bob, upTo: 1 })
    b.send({ t: 'read', conversationId: id, upTo: 1 })
    expect(await a.get({ t: 'receipt', kind: 'read' })).toMatchObject({ userId: bob, upTo: 1 })
    await Promise.all([a.close(), b.close()])
  })

  test('carries its content unharmed, whatever the Unicode', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    const [a, b] = [await join(url, alice), await join(url, bob)]
    const texts = [
      '\u0000\u0001\u001f',
      '👩‍👩‍👧‍👦🇩🇪',
      '\u2028\u2029"\\/',
      'ﷺ'.repeat(8192),
      '𝕏'.repeat(8192),
      '\ufffd',
    ]
    for (const [index, text] of texts.entries()) {
      await a.say(id, text)
      expect((await b.get({ t: 'message', seq: index + 1 })).body.text).toBe(text)
    }
    const { body } = await call(url, bob, 'GET', `/v1/conversations/${id}/messages`)
    expect(body.messages.map((message: { body: { text: string } }) => message.body.text)).toEqual(texts)
    await Promise.all([a.close(), b.close()])
  })

  test('sent again, on another socket, over HTTP and after a restart gives the same answer and exists once', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    const first = await join(url, alice)
    const frame = textFrame(first, id, 'once')
    first.send(frame)
    const sent = await first.get({ t: 'sent' })
    first.send(frame)
    await expect.poll(() => first.all({ t: 'sent' }).length).toBe(2)
    expect(first.all({ t: 'sent' })[1]).toEqual(sent)
    await first.close()
    const { t: _t, ref: _ref, conversationId: _id, ...content } = frame
    const http = await call(url, alice, 'POST', `/v1/conversations/${id}/messages`, {
      ...content,
      deviceId: 'default',
    })
    expect(http).toMatchObject({ status: 200, body: { seq: sent.seq, at: sent.at } })
    const other = await system.startApi()
    const second = await join(other, alice)
    second.send(frame)
    expect(await second.get({ t: 'sent' })).toEqual(sent)
    await second.close()
    await system.stopApi(1)
    const { body } = await call(url, bob, 'GET', `/v1/conversations/${id}/messages`)
    expect(body.messages).toHaveLength(1)
  })

  test('deleted for everyone is gone from history, and everyone is told', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    const [a, b] = [await join(url, alice), await join(url, bob)]
    const { messageId } = await a.say(id, 'oops')
    b.send({ t: 'delete', ref: 1, conversationId: id, messageId })
    expect(await b.get({ t: 'error', ref: 1 })).toMatchObject({ code: 'forbidden' })
    a.send({ t: 'delete', ref: 2, conversationId: id, messageId })
    expect(await a.get({ t: 'deleted', ref: 2 })).toMatchObject({ seq: 1, messageId })
    expect(await b.get({ t: 'deleted' })).toMatchObject({ conversationId: id, seq: 1, messageId })
    const { body } = await call(url, bob, 'GET', `/v1/conversations/${id}/messages`)
    expect(body.messages).toMatchObject([{ seq: 1, gone: 'deleted' }])
    expect(JSON.stringify(body)).not.toContain('oops')
    await Promise.all([a.close(), b.close()])
  })

  test('deleted twice at once, and so old that the conversation has forgotten it, is deleted once', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    const a = await join(url, alice)
    const first = await a.say(id, 'long ago')
    await sayAll(
      a,
      id,
      Array.from({ length: 150 }, () => 'since'),
    )
    const deletion = { t: 'delete', conversationId: id, messageId: first.messageId }
    a.send([
      { ...deletion, ref: 'one' },
      { ...deletion, ref: 'other' },
    ])
    const one = await a.get({ t: 'deleted', ref: 'one' })
    expect(await a.get({ t: 'deleted', ref: 'other' })).toEqual({ ...one, ref: 'other' })
    // Nothing is parked: what comes after it is there to be read.
    await a.say(id, 'afterwards')
    const newest = async () =>
      (await call(url, bob, 'GET', `/v1/conversations/${id}/messages?around=1&limit=1`)).body.messages
    expect(await newest()).toMatchObject([{ seq: 1, gone: 'deleted' }])
    const { body } = await call(url, bob, 'GET', `/v1/conversations/${id}/messages?limit=1`)
    expect(body.messages).toMatchObject([{ seq: 152, body: { text: 'afterwards' } }])
    await a.close()
  })
})

describe('several devices of one person', () => {
  test('each gets everything, own messages too, and a read on one clears the other', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    const a = await join(url, alice)
    const phone = await join(url, bob, { device: 'phone' })
    const laptop = await join(url, bob, { device: 'laptop' })
    await a.say(id, 'to both')
    await Promise.all([phone.get({ t: 'message', seq: 1 }), laptop.get({ t: 'message', seq: 1 })])
    await phone.say(id, 'from the phone')
    expect(await laptop.get({ t: 'message', seq: 2 })).toMatchObject({ senderId: bob, deviceId: 'phone' })
    phone.send({ t: 'read', conversationId: id, upTo: 2 })
    expect(await laptop.get({ t: 'receipt', kind: 'read' })).toMatchObject({ userId: bob, upTo: 2 })
    expect(phone.all({ t: 'message', seq: 2 })).toEqual([])
    await laptop.close()
    await a.say(id, 'missed by the laptop')
    phone.send({ t: 'delivered', ref: 1, conversationId: id, upTo: 3 })
    await phone.get({ ref: 1 })
    const back = await join(url, bob, { device: 'laptop' })
    expect(back.all({ t: 'message', seq: 3 })).toHaveLength(1)
    await Promise.all([a.close(), phone.close(), back.close()])
  })

  test('the same device in a second place closes the first with 4409', async () => {
    const [bob] = people('bob') as [string]
    const first = await join(url, bob, { device: 'phone' })
    const second = await join(url, bob, { device: 'phone' })
    expect((await first.closed).code).toBe(4409)
    await second.close()
  })
})

describe('messageId', () => {
  test('is verified, whatever else the body holds', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    const a = await join(url, alice)
    a.send({ ...textFrame(a, id, 'x', 1), messageId: 'f'.repeat(64) })
    const refused = await a.get({ ref: 1 })
    expect(refused).toMatchObject({ t: 'error', code: 'id_mismatch', retryable: false })
    expect(refused.message).toContain(`by "${alice}" on the device "${a.deviceId}"`)
    const frame = textFrame(a, id, 'x', 2)
    const body = { kind: 'text', text: 'x', mood: { colour: 'grün' }, b: [1, 2.5, null] }
    const { clientAt, nonce } = frame
    const messageId = messageIdOf({
      body,
      clientAt,
      conversationId: id,
      deviceId: 'default',
      nonce,
      senderId: alice,
    })
    a.send({ ...frame, body, messageId })
    expect(await a.get({ ref: 2 })).toMatchObject({ t: 'sent' })
    await a.close()
  })
})
