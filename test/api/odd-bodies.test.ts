/** Bodies, and the lists and frames in them, as clients of all kinds send them: what is taken as it is, and what has a code. */
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { begin, call, join } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'
import { askingAt, json } from './odd-requests-kit.ts'

let system: System
let url: string
beforeAll(async () => {
  system = await startSystem({ workers: false })
  url = system.urls[0] as string
})
afterAll(() => system.stop())

const { ask } = askingAt(() => url)

test('a body is taken as it is on a socket: any key, but only UTF-8, and only numbers that JSON can say again', async () => {
  const id = await begin(url, 'ann', 'direct', ['bodies'])
  const post = async (body: string) => {
    const content = { clientAt: Date.now(), conversationId: id, deviceId: 'default', nonce: 'a'.repeat(16) }
    const canonical = `{"body":${body},"clientAt":${content.clientAt},"conversationId":"${id}","deviceId":"default","nonce":"${content.nonce}","senderId":"ann"}`
    const messageId = createHash('sha256').update(canonical).digest('hex')
    const { clientAt, deviceId, nonce } = content
    const request = `{"messageId":"${messageId}","nonce":"${nonce}","clientAt":${clientAt},"deviceId":"${deviceId}","body":${body}}`
    return await ask(`/v1/conversations/${id}/messages`, { method: 'POST', headers: json, body: request })
  }
  expect((await post('{"constructor":{"prototype":{"a":1}},"kind":"text","text":"x"}')).status).toBe(200)
  expect((await post('{"kind":"text","text":"x","z":{"__proto__":1}}')).status).toBe(200)
  expect(await post('{"kind":"text","n":1e400,"text":"x"}')).toMatchObject({
    status: 400,
    body: { code: 'bad_frame' },
  })
  expect(await post('{"kind":"text","more":"\\ud800","text":"x"}')).toMatchObject({
    status: 400,
    body: { code: 'bad_frame' },
  })
  const sound = '{"kind":"media","mediaId":"m","mime":"audio/ogg; codecs=opus","name":"a","size":1}'
  expect((await post(sound)).status).toBe(200)
  const marked = '\ufeff{"kind":"direct","members":["marked"]}'
  expect((await ask('/v1/conversations', { method: 'POST', headers: json, body: marked })).status).toBe(201)
  const latin1 = Buffer.from('{"kind":"group","members":[],"title":"caf\xe9"}', 'latin1')
  const refused = await ask('/v1/conversations', { method: 'POST', headers: json, body: latin1 })
  expect(refused).toMatchObject({ status: 400, body: { code: 'bad_frame', detail: 'the body is not UTF-8' } })
  const packed = gzipSync('{"kind":"direct","members":["packed"]}')
  const encoded = await ask('/v1/conversations', {
    method: 'POST',
    headers: { ...json, 'content-encoding': 'gzip' },
    body: packed,
  })
  expect(encoded).toMatchObject({
    status: 400,
    body: { code: 'bad_frame', detail: 'send the body as it is, without a content-encoding' },
  })
})

test('no body is no bad one where none is wanted, whatever its content type is said to be', async () => {
  const group = await begin(url, 'ann', 'group', ['ben'])
  expect((await ask('/v1/ws-tickets', { method: 'POST', headers: json })).status).toBe(201)
  const left = await ask(`/v1/conversations/${group}/members/ben`, { method: 'DELETE', headers: json })
  expect(left.status).toBe(204)
  const odd = await ask('/v1/ws-tickets', {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: 'x',
  })
  expect(odd).toMatchObject({ status: 400, body: { detail: expect.stringContaining('application/json') } })
  const wanted = await ask('/v1/conversations', { method: 'POST', headers: json })
  expect(wanted).toMatchObject({ status: 400, body: { code: 'bad_frame' } })
})

test('however long a list is, what it is over is its limit', async () => {
  const people = (count: number) => Array.from({ length: count }, (_, n) => `p${n}`)
  const post = (path: string, body: object) =>
    ask(path, { method: 'POST', headers: json, body: JSON.stringify(body) })
  const group = await begin(url, 'ann', 'group', ['ben'])
  for (const count of [1_025, 5_000]) {
    expect(await post('/v1/conversations', { kind: 'group', members: people(count) })).toMatchObject({
      status: 413,
      body: { code: 'too_large' },
    })
    expect(await post(`/v1/conversations/${group}/members`, { userIds: people(count) })).toMatchObject({
      status: 413,
      body: { code: 'too_large' },
    })
  }
})

test('a body that is nested without end is a bad_frame, and the process lives', async () => {
  const id = await begin(url, 'ann', 'direct', ['deep'])
  const levels = 30_000
  const body = `{"kind":"text","text":"x","z":${'['.repeat(levels)}${']'.repeat(levels)}}`
  const fields = `"conversationId":"${id}","messageId":"${'a'.repeat(64)}","nonce":"${'a'.repeat(16)}","clientAt":1`
  const chat = await join(url, 'ann', { device: 'deep' })
  chat.raw(`{"t":"send","ref":1,${fields},"body":${body}}`)
  expect(await chat.get({ ref: 1 })).toMatchObject({ t: 'error', code: 'bad_frame' })
  const message = `{"deviceId":"deep",${fields},"body":${body}}`
  const posted = await ask(`/v1/conversations/${id}/messages`, {
    method: 'POST',
    headers: json,
    body: message,
  })
  expect(posted).toMatchObject({ status: 400, body: { code: 'bad_frame' } })
  await chat.close()
})

test('every frame that comes over HTTP is answered, however many were bad before it', async () => {
  const frames = [...Array.from({ length: 30 }, () => ({})), { t: 'ping', ref: 1 }]
  const { status, body } = await call(url, 'ann', 'POST', '/v1/sync', { frames })
  expect(status).toBe(200)
  expect(body.frames).toHaveLength(31)
  expect(body.frames.at(-1)).toMatchObject({ t: 'pong' })
})

test('an answer has the ref of its frame, whatever the frame', async () => {
  const chat = await join(url, 'ann', { device: 'refs' })
  chat.send([
    { t: 'ping', ref: 'p' },
    { t: 'typing', ref: 't', conversationId: '0190a1b2-0000-7000-8000-00000000dead' },
    { t: 'watch', ref: 'w', userIds: Array.from({ length: 501 }, (_, n) => `p${n}`) },
  ])
  expect(await chat.get({ ref: 'p' })).toMatchObject({ t: 'pong' })
  expect(await chat.get({ ref: 't' })).toMatchObject({ t: 'error', code: 'not_found' })
  expect(await chat.get({ ref: 'w' })).toMatchObject({ t: 'error', code: 'too_large' })
  await chat.close()
})
