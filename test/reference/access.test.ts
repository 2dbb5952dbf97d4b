/** Every route and every frame of the reference is refused to everybody who may not use it. A new one is tried by itself. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROLES } from '../../api/auth/identity.ts'
import type { Access } from '../../api/reference/description.ts'
import { CLIENT_FRAMES } from '../../api/reference/frames.ts'
import { ROUTES } from '../../api/reference/routes.ts'
import { composeExample, type World } from '../../api/reference/world.ts'
import type { UserId } from '../../domain/ids.ts'
import { type Frame, join } from '../support/chat.ts'
import { type System, startSystem, tokenFor } from '../support/system.ts'
import { type Answered, request } from './request.ts'
import { createWorld } from './world.ts'

let system: System
let url: string
let world: World
/** As carol would ask: with a message of her own. */
let asStranger: World

beforeAll(async () => {
  system = await startSystem({ workers: false })
  url = system.urls[0] as string
  // One for all: whatever is refused changes nothing.
  world = await createWorld(url)
  const { carol, group, deviceId, draft } = world
  const own = composeExample({ senderId: carol, deviceId }, group, draft)
  asStranger = { ...world, alice: carol, draft: own }
})
afterAll(() => system.stop())

const needToken = Object.entries(ROUTES).filter(([, { access }]) => access !== 'anybody')
const withAccess = (...wanted: readonly Access[]) =>
  needToken.filter(([, { access }]) => wanted.includes(access))
const framesWithAccess = (...wanted: readonly Access[]) =>
  Object.entries(CLIENT_FRAMES).filter(([, { access }]) => wanted.includes(access))

const ofNobody: readonly (() => Promise<string | undefined>)[] = [
  async () => undefined,
  () => tokenFor(world.alice, { secret: 'y'.repeat(40) }),
  () => tokenFor(world.alice, { expiresInSeconds: -1 }),
]
/** Roles of staff open no conversation. */
const strangers = () => ROLES.map((role) => tokenFor(world.carol, { claims: { roles: [role] } }))

function expectProblem({ status, contentType, text }: Answered, expected: number, code: string): void {
  expect(status, text).toBe(expected)
  expect(contentType).toContain('application/problem+json')
  expect(JSON.parse(text)).toMatchObject({ code, status: expected })
}

describe.each(needToken)('%s', (route, { example }) => {
  test('is refused without a token, with a forged one and with an expired one', async () => {
    for (const token of ofNobody) {
      expectProblem(await request(url, route, example(world), await token()), 401, 'unauthorized')
    }
  })
})

describe.each(withAccess('member', 'admin', 'sender'))('%s', (route, { example }) => {
  test('is refused to a stranger, whatever their role', async () => {
    for await (const token of strangers()) {
      expectProblem(await request(url, route, example(asStranger), token), 403, 'not_member')
    }
  })
})

describe.each(withAccess('admin', 'sender'))('%s', (route, { example }) => {
  test('is refused to a member who is not that', async () => {
    expectProblem(await request(url, route, example(world), await tokenFor(world.bob)), 403, 'forbidden')
  })
})

const reads = withAccess('person').filter(([route]) => route.startsWith('GET '))
describe.each(reads)('%s', (route, { example }) => {
  test('tells a stranger nothing of others’ conversations, whatever their role', async () => {
    for await (const token of strangers()) {
      const { status, text } = await request(url, route, example(asStranger), token)
      expect(status).toBeLessThan(500)
      for (const secret of [world.group, world.message.messageId, 'Tea']) expect(text).not.toContain(secret)
    }
  })
})

/** The code that a frame is refused with. Under load one is put off or left out, and is to be sent again. */
async function refusalOf(frame: object, userId: UserId, token: string): Promise<unknown> {
  const socket = await join(url, userId, { token, device: 'phone' })
  const isRefusal = ({ t, code }: Frame) => t === 'error' && code !== 'overloaded'
  let refusal: Frame | undefined
  for (let left = 10; left > 0 && !refusal; left--) {
    socket.send(frame)
    refusal = await socket.get(isRefusal, 1_000).catch(() => undefined)
  }
  await socket.close()
  return refusal?.code
}

describe.each(framesWithAccess('member', 'sender'))('the frame %s', (_type, { example }) => {
  test('is refused over the socket of a stranger, whatever their role', async () => {
    for await (const token of strangers()) {
      expect(await refusalOf(example(asStranger), world.carol, token)).toBe('not_member')
    }
  })
})

describe.each(framesWithAccess('sender'))('the frame %s', (_type, { example }) => {
  test('is refused over the socket of a member who is not that', async () => {
    expect(await refusalOf(example(world), world.bob, await tokenFor(world.bob))).toBe('forbidden')
  })
})
