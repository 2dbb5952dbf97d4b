/** The long poll: what a socket would have had, for networks without WebSocket. */
import assert from 'node:assert/strict'
import { type Area, check } from '../check.ts'
import { composeMessage, type Frame, textBody } from '../message.ts'
import type { Person, Stage } from '../stage.ts'
import { expectError, expectProblem, upTo } from './expect.ts'

interface Polled {
  readonly frames: readonly Frame[]
  readonly position: string
}

/** Pages until one says that there is no more. */
async function poll(person: Person, after?: string, query = ''): Promise<Polled> {
  const frames: Frame[] = []
  for (let position = after; ; ) {
    const from = position === undefined ? '' : `&after=${position}`
    const { status, body } = await person.call('GET', `/v1/sync?device=web${from}${query}`)
    assert.equal(status, 200, JSON.stringify(body))
    frames.push(...body.frames)
    position = body.position as string
    if (!body.more) return { frames, position }
  }
}

const seqsIn = ({ frames }: Polled, id: string): number[] =>
  frames.filter((frame) => frame.t === 'message' && frame.conversationId === id).map(({ seq }) => seq)

/** Until the read models have what was written, polls are answered with less. */
async function pollUntil(
  person: Person,
  stage: Stage,
  after: string,
  enough: (got: readonly Frame[]) => boolean,
): Promise<Polled> {
  const frames: Frame[] = []
  let position = after
  await stage.until('the frames of a poll', async () => {
    const got = await poll(person, position)
    frames.push(...got.frames)
    position = got.position
    return enough(frames)
  })
  return { frames, position }
}

export const sync: Area = {
  area: 'long poll',
  checks: [
    check('a poll gives the frames that a socket would have had', async (stage) => {
      const [ann, ben] = await stage.people('ann', 'ben')
      const id = await stage.direct(ann, ben)
      const from = await ann.connect()
      const { position } = await poll(ben)
      for (const n of upTo(5)) await from.say(id, `number ${n}`)
      const polled = await pollUntil(ben, stage, position, (frames) => frames.some(({ seq }) => seq === 5))
      assert.deepEqual(seqsIn(polled, id), upTo(5))
      const first = polled.frames.find(({ t }) => t === 'message')
      assert.deepEqual([first?.senderId, first?.body.text], [ann.userId, 'number 1'])
    }),
    check('a poll that waits is answered as soon as something happens', async (stage) => {
      const [ann, ben] = await stage.people('ann', 'ben')
      const id = await stage.direct(ann, ben)
      const from = await ann.connect()
      const { position } = await poll(ben)
      const waiting = poll(ben, position, '&wait=30')
      await from.say(id, 'wake up')
      const start = performance.now()
      assert.deepEqual(seqsIn(await waiting, id), [1])
      assert.ok(performance.now() - start < 25_000)
    }),
    check('the same position gives the same frames again', async (stage) => {
      const [ann, ben] = await stage.people('ann', 'ben')
      const id = await stage.direct(ann, ben)
      const { position } = await poll(ben)
      await (await ann.connect()).say(id, 'again and again')
      await pollUntil(ben, stage, position, (frames) => frames.some(({ seq }) => seq === 1))
      assert.deepEqual(seqsIn(await poll(ben, position), id), [1])
    }),
    check(
      'from poll to socket and back nothing is lost, and a seq tells what came already',
      async (stage) => {
        const [ann, ben] = await stage.people('ann', 'ben')
        const id = await stage.direct(ann, ben)
        const from = await ann.connect()
        const start = await poll(ben)
        await from.say(id, 'one')
        const polled = await pollUntil(ben, stage, start.position, (frames) =>
          frames.some(({ seq }) => seq === 1),
        )
        const socket = await stage.open({
          userId: ben.userId,
          device: 'web',
          headers: { authorization: `Bearer ${ben.token}` },
          query: { after: polled.position },
        })
        await socket.get({ t: 'live' })
        await from.say(id, 'two')
        await socket.get({ t: 'message', seq: 2 })
        assert.deepEqual(
          socket.all({ t: 'message' }).map(({ seq }) => seq),
          [2],
        )
        socket.send({ t: 'ping' })
        const { position } = await socket.get({ t: 'pong' })
        await socket.close()
        await from.say(id, 'three')
        const back = await pollUntil(ben, stage, position, (frames) => frames.some(({ seq }) => seq === 3))
        // A position of a socket trails behind what it was sent: it is sure on every node.
        assert.deepEqual(
          seqsIn(back, id).filter((seq) => seq > 2),
          [3],
        )
      },
    ),
    check('frames are sent over HTTP, and answered there', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const to = await ben.connect()
      const message = composeMessage({ userId: ann.userId, deviceId: 'web' }, id, textBody('by post'))
      const frames = [
        { t: 'send', ref: 1, ...message },
        { t: 'read', ref: 2, conversationId: id, upTo: 9 },
        { t: 'ping' },
      ]
      const { status, body } = await ann.call('POST', '/v1/sync', { frames, device: 'web' })
      assert.equal(status, 200, JSON.stringify(body))
      const answers = body.frames as Frame[]
      assert.equal(answers.find(({ ref }) => ref === 1)?.t, 'sent')
      expectError(answers.find(({ ref }) => ref === 2) ?? {}, 'conflict')
      assert.ok(answers.some(({ t }) => t === 'pong'))
      assert.equal((await to.get({ t: 'message' })).messageId, message.messageId)
    }),
    check('a poll needs a token, and a position that is one', async ({ people, call }) => {
      const [ann] = await people('ann')
      expectProblem(await call('GET', '/v1/sync'), 401, 'unauthorized')
      expectProblem(await ann.call('GET', '/v1/sync?after=yesterday'), 400, 'bad_frame')
      expectProblem(await ann.call('GET', '/v1/sync?wait=3600'), 400, 'bad_frame')
    }),
  ],
}
