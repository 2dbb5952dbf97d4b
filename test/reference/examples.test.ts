/** Every example of the reference is asked of a real system, and answered as it is written there. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLIENT_FRAMES } from '../../api/reference/frames.ts'
import { ROUTES } from '../../api/reference/routes.ts'
import { join } from '../support/chat.ts'
import { type System, startSystem, tokenFor } from '../support/system.ts'
import { request } from './request.ts'
import { createWorld } from './world.ts'

let system: System
let url: string

beforeAll(async () => {
  system = await startSystem({ workers: false })
  url = system.urls[0] as string
})
afterAll(() => system.stop())

/** What a value is made of, whatever it says: keys, and types of what is in them; of lists the first, for all are alike. */
function shapeOf(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]))
}

describe.each(Object.entries(ROUTES))('the example of %s', (route, { answers, example }) => {
  test('is answered as documented', async () => {
    const world = await createWorld(url)
    const asked = example(world)
    const answer = await request(url, route, asked, await tokenFor(world.alice))
    expect(answer.status, answer.text).toBe(asked.status)
    const { schema, contentType } = answers[asked.status] ?? {}
    if (!schema) {
      if (contentType === undefined) expect(answer.text).toBe('')
      else expect(answer.contentType).toContain(contentType)
      return
    }
    expect(answer.contentType).toContain('application/json')
    const body: unknown = JSON.parse(answer.text)
    expect(schema.parse(body)).toEqual(body)
    expect(shapeOf(body)).toEqual(shapeOf(asked.answer))
  })
})

describe.each(Object.entries(CLIENT_FRAMES))('the example of the frame %s', (_type, frame) => {
  test('is answered by a frame as documented', async () => {
    const world = await createWorld(url)
    const alice = await join(url, world.alice, { device: world.deviceId })
    const sent = frame.example(world)
    const before = alice.frames.length
    alice.send(sent)
    if (frame.answer !== undefined) {
      const ref = 'ref' in sent ? { ref: sent.ref } : {}
      await alice.get({ t: frame.answer, ...ref })
    }
    // Whatever was refused would have been by now.
    alice.send({ t: 'delivered', ref: 'the end', conversationId: world.group, upTo: 1 })
    await alice.get({ ref: 'the end' })
    expect(alice.frames.slice(before).filter(({ t }) => t === 'error')).toEqual([])
    await alice.close()
  })
})
