/** What nobody may ask too much of. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Area, check } from '../check.ts'
import { composeMessage, textBody } from '../message.ts'
import { expectError, expectProblem } from './expect.ts'

/** More than any server that limits at all takes at once. */
const FLOOD = 30
const FRAMES = 500

export const limits: Area = {
  area: 'limits',
  checks: [
    check(
      'a flood is answered frame by frame, from some point on with `rate_limited`; then it goes on',
      async ({ people, direct, until }) => {
        const [ann, ben] = await people('ann', 'ben')
        const id = await direct(ann, ben)
        const device = await ann.connect()
        const ping = { t: 'ping' }
        for (let n = 0; n < FLOOD; n++) device.send(Array.from({ length: FRAMES }, () => ping))
        const refused = await device.get({ t: 'error', code: 'rate_limited' })
        assert.equal(refused.retryable, true)
        assert.ok(refused.retryAfterMs > 0, JSON.stringify(refused))
        const answered = () => device.all(({ t }) => t === 'pong' || t === 'error').length
        await until('every frame is answered', async () => answered() >= FLOOD * FRAMES)
        await sleep(refused.retryAfterMs + 1000)
        assert.equal((await device.say(id, 'slower now')).seq, 1)
      },
    ),
    check('one person’s flood is nobody else’s business', async ({ people, direct }) => {
      const [ann, ben, eve] = await people('ann', 'ben', 'eve')
      const id = await direct(ann, ben)
      const [from, to, flooder] = await Promise.all([ann.connect(), ben.connect(), eve.connect()])
      for (let n = 0; n < FLOOD; n++) flooder.send(Array.from({ length: FRAMES }, () => ({ t: 'ping' })))
      await from.say(id, 'undisturbed')
      await to.get({ t: 'message', seq: 1 })
    }),
    check('a group has at most 1,024 members', async ({ people }) => {
      const [ann] = await people('ann')
      const crowd = (size: number) => Array.from({ length: size }, (_, n) => `${ann.userId}-${n}`)
      const most = await ann.call('POST', '/v1/conversations', { kind: 'group', members: crowd(1023) })
      assert.equal(most.status, 201, JSON.stringify(most.body))
      expectProblem(
        await ann.call('POST', '/v1/conversations', { kind: 'group', members: crowd(1024) }),
        413,
        'too_large',
      )
    }),
    check('a sealed body has at most 48 KiB', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const device = await ann.connect()
      const sealed = (length: number) => ({ kind: 'sealed', suite: 'x', data: 'A'.repeat(length) })
      const most = { t: 'send', ...composeMessage(device, id, sealed(48 * 1024)) }
      assert.equal((await device.ask(most)).t, 'sent')
      const more = { t: 'send', ...composeMessage(device, id, sealed(48 * 1024 + 4)) }
      expectError(await device.ask(more), 'too_large')
      expectError(await device.ask({ t: 'send', ...composeMessage(device, id, textBody('')) }), 'bad_frame')
    }),
  ],
}
