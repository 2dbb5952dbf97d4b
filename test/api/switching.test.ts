import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import WebSocket from 'ws'
import { begin, call, createCast, type Frame, join, textFrame } from '../support/chat.ts'
import { type System, startSystem, tokenFor } from '../support/system.ts'

let system: System
beforeAll(async () => {
  system = await startSystem({ apiNodes: 2, workers: false })
})
afterAll(() => system?.stop())

const people = createCast()
const anyNode = () => system.urls[randomInt(2)] as string

/** A client that goes by poll or socket as chance has it, and loses answers on the way. It only remembers a position. */
function createWanderer(userId: string, deviceId: string) {
  const frames: Frame[] = []
  let position = '0'
  let ref = 0
  const ways = { polls: 0, lost: 0, sockets: 0 }

  async function poll(): Promise<void> {
    const query = `after=${position}&wait=${randomInt(2)}&device=${deviceId}`
    const { status, body } = await call(anyNode(), userId, 'GET', `/v1/sync?${query}`)
    expect(status, JSON.stringify(body)).toBe(200)
    if (randomInt(4) === 0) {
      ways.lost++
      return
    }
    ways.polls++
    frames.push(...body.frames)
    position = body.position
  }

  /** What came over it is acknowledged before it is left: its pushes stand between two positions. */
  async function connect(): Promise<void> {
    const url = `${anyNode().replace('http', 'ws')}/v1/ws?device=${deviceId}&after=${position}`
    const headers = { authorization: `Bearer ${await tokenFor(userId)}` }
    const socket = new WebSocket(url, 'triptick.v1', { headers })
    const got: Frame[] = []
    socket.on('message', (data) => {
      const value = JSON.parse(String(data))
      got.push(...(Array.isArray(value) ? value : [value]))
    })
    const live = () => got.findLast(({ t }) => t === 'live')?.position
    await expect.poll(live, { timeout: 20_000 }).toBeDefined()
    await sleep(randomInt(300))
    const kept = got.splice(0)
    const upTo = new Map<string, number>()
    for (const { t, conversationId, seq } of kept) if (t === 'message') upTo.set(conversationId, seq)
    for (const [conversationId, seq] of upTo) {
      const mine = `${++ref}`
      socket.send(JSON.stringify({ t: 'delivered', conversationId, upTo: seq, ref: mine }))
      await expect.poll(() => got.some((frame) => frame.ref === mine), { timeout: 20_000 }).toBe(true)
    }
    ways.sockets++
    frames.push(...kept)
    position = kept.findLast(({ t }) => t === 'live')?.position
    socket.terminate()
  }

  return { frames, ways, step: () => (randomInt(3) === 0 ? connect() : poll()) }
}

test('a client that goes from poll to socket and back at random, on any node, gets every message once and in order', async () => {
  const [ann, ben, cleo] = people('ann', 'ben', 'cleo') as [string, string, string]
  const url = system.urls[0] as string
  const ids = [
    await begin(url, ann, 'direct', [ben]),
    await begin(url, ann, 'group', [ben, cleo]),
    await begin(url, cleo, 'group', [ann, ben]),
  ]
  const writers = [
    await join(anyNode(), ann),
    await join(anyNode(), cleo),
    await join(anyNode(), ben, { device: 'laptop' }),
  ]
  const model = new Map<string, number[]>(ids.map((id) => [id, []]))
  const deleted: string[] = []
  const wanderer = createWanderer(ben, 'phone')

  let isOver = false
  const writing = Promise.all(
    writers.map(async (writer) => {
      for (let n = 0; n < 60; n++) {
        const id = ids[randomInt(ids.length)] as string
        if (writer.userId === cleo && id === ids[0]) continue
        const frame = textFrame(writer, id, `${writer.userId} ${n}`, `${n}`)
        let answer: Frame = { t: 'error' }
        for (let tries = 0; answer.t !== 'sent'; tries++) {
          writer.send({ ...frame, ref: `${n} ${tries}` })
          answer = await writer.get({ ref: `${n} ${tries}` }, 20_000)
          expect(answer.t === 'sent' || answer.retryable).toBe(true)
        }
        model.get(id)?.push(answer.seq)
        if (randomInt(10) === 0) {
          writer.send({ t: 'delete', ref: `delete ${n}`, conversationId: id, messageId: frame.messageId })
          deleted.push(frame.messageId)
        }
        await sleep(randomInt(60))
      }
    }),
  ).finally(() => {
    isOver = true
  })
  while (!isOver) await wanderer.step()
  await writing

  const seqs = (id: string) =>
    wanderer.frames
      .filter(({ t, conversationId }) => t === 'message' && conversationId === id)
      .map(({ seq }) => seq)
  const gone = () =>
    new Set(
      wanderer.frames
        .filter(({ t, gone: why }) => t === 'deleted' || why === 'deleted')
        .map(({ messageId }) => messageId),
    )
  const all = () =>
    ids.every((id) => seqs(id).length >= (model.get(id)?.length ?? 0)) &&
    deleted.every((id) => gone().has(id))
  // On until it has everything, and has gone each of its ways: they are drawn.
  const hasGoneAllWays = () => !Object.values(wanderer.ways).includes(0)
  for (let steps = 0; !(all() && hasGoneAllWays()) && steps < 60; steps++) await wanderer.step()
  for (const id of ids) expect(seqs(id)).toEqual(model.get(id)?.toSorted((a, b) => a - b))
  expect([...gone()].toSorted()).toEqual(deleted.toSorted())
  for (const count of Object.values(wanderer.ways))
    expect(count, JSON.stringify(wanderer.ways)).toBeGreaterThan(0)
  await Promise.all(writers.map((writer) => writer.close()))
}, 120_000)
