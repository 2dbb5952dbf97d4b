/** Every limit of size and number at its border: as much as it says goes through, one more does not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LIMITS } from '../../protocol/limits.ts'
import { canonicalContent } from '../../protocol/message-id.ts'
import { begin, type Chat, call, type Frame, join, messageIdOf, textFrame } from '../support/chat.ts'
import { type System, startSystem, tokenFor } from '../support/system.ts'

let system: System
let url: string
let chat: Chat
let id: string

beforeAll(async () => {
  system = await startSystem({ workers: false })
  url = system.urls[0] as string
  id = await begin(url, 'ann', 'direct', ['bob'])
  chat = await join(url, 'ann')
})
afterAll(async () => {
  await chat.close()
  await system.stop()
})

/** A send of this body, with the right id; answers `sent`, or the code of the error. */
async function sendOf(body: object): Promise<string> {
  const { messageId: _id, ...frame }: Frame = { ...textFrame(chat, id, 'x'), body }
  const { clientAt, nonce, conversationId } = frame
  const content = { body, clientAt, conversationId, deviceId: chat.deviceId, nonce, senderId: chat.userId }
  chat.send({ ...frame, messageId: messageIdOf(content) })
  const answer = await chat.get({ ref: frame.ref })
  return answer.t === 'sent' ? 'sent' : answer.code
}

const people = (count: number) => Array.from({ length: count }, (_, i) => `p${i}`)
const group = (members: readonly string[], title = 'a group') =>
  call(url, 'ann', 'POST', '/v1/conversations', { kind: 'group', members, title })

test('welcome says them', async () => {
  expect((await chat.get({ t: 'welcome' })).limits).toEqual(LIMITS)
})

test('textCharacters, in code points', async () => {
  expect(await sendOf({ kind: 'text', text: 'x'.repeat(LIMITS.textCharacters) })).toBe('sent')
  expect(await sendOf({ kind: 'text', text: '😀'.repeat(LIMITS.textCharacters) })).toBe('sent')
  expect(await sendOf({ kind: 'text', text: '😀'.repeat(LIMITS.textCharacters + 1) })).toBe('too_large')
})

test('sealedCharacters', async () => {
  const sealed = (characters: number) => ({ kind: 'sealed', suite: 'test', data: 'A'.repeat(characters) })
  expect(await sendOf(sealed(LIMITS.sealedCharacters))).toBe('sent')
  expect(await sendOf(sealed(LIMITS.sealedCharacters + 4))).toBe('too_large')
})

test('contentBytes', async () => {
  const { nonce, clientAt } = textFrame(chat, id, 'x')
  const bare = canonicalContent({
    body: { kind: 'text', text: 'x', more: '' },
    clientAt,
    conversationId: id,
    deviceId: chat.deviceId,
    nonce,
    senderId: chat.userId,
  } as unknown as Parameters<typeof canonicalContent>[0])
  const room = LIMITS.contentBytes - Buffer.byteLength(bare)
  expect(await sendOf({ kind: 'text', text: 'x', more: 'y'.repeat(room) })).toBe('sent')
  expect(await sendOf({ kind: 'text', text: 'x', more: 'y'.repeat(room + 1) })).toBe('too_large')
})

test('frameBytes', async () => {
  const padded = (bytes: number) => `{"t":"ping","x":"${'x'.repeat(bytes - 19)}"}`
  expect(padded(LIMITS.frameBytes)).toHaveLength(LIMITS.frameBytes)
  const other = await join(url, 'bob')
  other.raw(padded(LIMITS.frameBytes))
  await other.get({ t: 'pong' })
  other.raw(padded(LIMITS.frameBytes + 1))
  expect((await other.closed).code).toBe(1009)
})

test('framesPerArray: of one frame more none is carried out', async () => {
  const other = await join(url, 'bob', { device: 'array' })
  const pings = (count: number) => Array.from({ length: count }, () => ({ t: 'ping' }))
  other.send(pings(LIMITS.framesPerArray))
  await expect.poll(() => other.all({ t: 'pong' }).length).toBe(LIMITS.framesPerArray)
  other.send(pings(LIMITS.framesPerArray + 1))
  expect(await other.get({ t: 'error' })).toMatchObject({ code: 'bad_frame' })
  other.send({ t: 'ping' })
  await expect.poll(() => other.all({ t: 'pong' }).length).toBe(LIMITS.framesPerArray + 1)
  await other.close()
})

test('badFramesPerMinute', async () => {
  const other = await join(url, 'bob', { device: 'bad' })
  for (let i = 1; i < LIMITS.badFramesPerMinute; i++) other.raw('nonsense')
  other.send({ t: 'ping' })
  await other.get({ t: 'pong' })
  other.raw('nonsense')
  expect((await other.closed).code).toBe(4400)
})

test('connectedDevices, by socket and by long poll together', async () => {
  const connect = (device: string) => join(url, 'eve', { device })
  const poll = (device: string) => call(url, 'eve', 'GET', `/v1/sync?device=${device}`)
  const names = Array.from({ length: LIMITS.connectedDevices - 1 }, (_, i) => `device-${i}`)
  const devices: Chat[] = []
  while (names.length > 0) devices.push(...(await Promise.all(names.splice(0, 40).map(connect))))
  expect(await poll('polling')).toMatchObject({ status: 200 })

  await expect(connect('one-more')).rejects.toThrow('429')
  expect(await poll('one-more')).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
  // Those that are connected are not concerned, nor are other people.
  expect(await poll('polling')).toMatchObject({ status: 200 })
  devices.push(await connect('device-0'))
  expect((await devices[0]?.closed)?.code).toBe(4409)
  const other = await join(url, 'bob', { device: 'one-more' })

  await devices.pop()?.close()
  await expect.poll(async () => (await poll('one-more')).status).toBe(200)
  await Promise.all([other, ...devices].map((chat) => chat.close()))
})

describe('groups:', () => {
  test('groupMembers, the one who starts it included', async () => {
    expect((await group(people(LIMITS.groupMembers - 1))).status).toBe(201)
    expect(await group(people(LIMITS.groupMembers))).toMatchObject({
      status: 413,
      body: { code: 'too_large' },
    })
  })

  test('membersPerRequest', async () => {
    const { body } = await group([])
    const path = `/v1/conversations/${body.conversationId}/members`
    const add = (count: number): Promise<{ status: number; body: Frame }> =>
      call(url, 'ann', 'POST', path, { userIds: people(count) })
    expect(await add(LIMITS.membersPerRequest + 1)).toMatchObject({
      status: 413,
      body: { code: 'too_large' },
    })
    expect((await add(LIMITS.membersPerRequest)).status).toBeLessThan(300)
  })

  test('titleCharacters, in code points', async () => {
    expect((await group([], '😀'.repeat(LIMITS.titleCharacters))).status).toBe(201)
    expect((await group([], 'x'.repeat(LIMITS.titleCharacters + 1))).status).toBe(413)
  })

  test('membersInFrame: a larger group is told without its members', async () => {
    const [full, larger] = [
      await group(people(LIMITS.membersInFrame - 1)),
      await group(people(LIMITS.membersInFrame)),
    ]
    const told = async ({ body: { conversationId } }: { body: Frame }) =>
      chat.get({ t: 'conversation', conversationId })
    expect((await told(full)).members).toHaveLength(LIMITS.membersInFrame)
    expect(await told(larger)).toMatchObject({ memberCount: LIMITS.membersInFrame + 1 })
    expect((await told(larger)).members).toBeUndefined()
  })
})

test('pageSize', async () => {
  for (const path of ['/v1/inbox?', `/v1/conversations/${id}/messages?`]) {
    expect((await call(url, 'ann', 'GET', `${path}limit=${LIMITS.pageSize}`)).status).toBe(200)
    expect(await call(url, 'ann', 'GET', `${path}limit=${LIMITS.pageSize + 1}`)).toMatchObject({
      status: 400,
      body: { code: 'bad_frame' },
    })
  }
})

test('requestBytes', async () => {
  const post = async (bytes: number) => {
    const empty = '{"kind":"group","members":[],"x":""}'
    const response = await fetch(`${url}/v1/conversations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await tokenFor('ann')}`, 'content-type': 'application/json' },
      body: empty.replace('""', `"${'x'.repeat(bytes - empty.length)}"`),
    })
    return response.status
  }
  expect(await post(LIMITS.requestBytes)).toBe(201)
  expect(await post(LIMITS.requestBytes + 1)).toBe(413)
})
