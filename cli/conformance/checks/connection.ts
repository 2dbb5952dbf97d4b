/** The socket itself: its first frames, arrays, and what happens to bad input. */
import assert from 'node:assert/strict'
import { type Area, check } from '../check.ts'
import { Refused } from '../device.ts'
import { composeMessage, textBody } from '../message.ts'
import { expectError } from './expect.ts'

const FRAME_BYTES = 64 * 1024
const NOWHERE = '0190a1b2-0000-7000-8000-00000000dead'

export const connection: Area = {
  area: 'connection',
  checks: [
    check('`welcome` comes first, and says who and where', async ({ people }) => {
      const [ann] = await people('ann')
      const device = await ann.connect({ device: 'phone-1' })
      const [welcome] = device.frames
      assert.equal(welcome?.t, 'welcome')
      assert.equal(welcome.userId, ann.userId)
      assert.equal(welcome.deviceId, 'phone-1')
      assert.equal(welcome.protocol, 1)
      assert.equal(typeof welcome.node, 'string')
      assert.equal(typeof welcome.position, 'string')
      assert.ok(welcome.heartbeatMs > 0)
      assert.equal(typeof welcome.limits, 'object')
      assert.equal(typeof (await device.get({ t: 'live' })).position, 'string')
    }),
    check('the subprotocol is `triptick.v1`', async ({ people }) => {
      const [ann] = await people('ann')
      assert.equal((await ann.connect()).socket.protocol, 'triptick.v1')
    }),
    check('a device without a name is called `default`', async ({ people }) => {
      const [ann] = await people('ann')
      assert.equal((await (await ann.connect()).get({ t: 'welcome' })).deviceId, 'default')
    }),
    check('an impossible name of a device is refused before the upgrade', async ({ people }) => {
      const [ann] = await people('ann')
      for (const device of ['a b', 'x'.repeat(65), 'ü']) {
        const outcome = await ann.connect({ device, hasty: true }).catch((error) => error)
        assert.ok(outcome instanceof Refused && outcome.status === 400, `${device}: ${outcome}`)
      }
    }),
    check('`ping` is answered by `pong`', async ({ people }) => {
      const [ann] = await people('ann')
      await (await ann.connect()).settled()
    }),
    check('an answer has the `ref` of its frame, whatever the frame', async ({ people }) => {
      const [ann] = await people('ann')
      const device = await ann.connect()
      device.send({ t: 'ping', ref: 'p' })
      assert.equal((await device.get({ ref: 'p' })).t, 'pong')
      device.send({ t: 'typing', ref: 7, conversationId: NOWHERE })
      expectError(await device.get({ ref: 7 }), 'not_found')
      device.send({ t: 'dance', ref: 'd' })
      expectError(await device.get({ ref: 'd' }), 'bad_frame')
    }),
    check('frames of an array are carried out in their order', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const device = await ann.connect()
      const texts = ['one', 'two', 'three', 'four']
      device.send(
        texts.map((text) => ({ t: 'send', ref: text, ...composeMessage(device, id, textBody(text)) })),
      )
      for (const [index, ref] of texts.entries()) {
        assert.equal((await device.get({ t: 'sent', ref })).seq, index + 1)
      }
    }),
    check('a bad frame of an array is refused alone', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const device = await ann.connect()
      const good = { t: 'send', ref: 'good', ...composeMessage(device, id, textBody('good')) }
      device.send([{ t: 'send', ref: 'bad' }, good])
      expectError(await device.get({ ref: 'bad' }), 'bad_frame')
      assert.equal((await device.get({ ref: 'good' })).t, 'sent')
    }),
    check('unknown fields are ignored', async ({ people, direct }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      const device = await ann.connect()
      const message = composeMessage(device, id, textBody('with more'))
      assert.equal((await device.ask({ t: 'send', ...message, colour: 'green' })).t, 'sent')
    }),
    check('an unknown type of frame is a `bad_frame`, and the connection lives', async ({ people }) => {
      const [ann] = await people('ann')
      const device = await ann.connect()
      for (let i = 0; i < 30; i++) device.send({ t: `of-a-later-version-${i}` })
      expectError(await device.ask({ t: 'of-a-later-version' }), 'bad_frame')
      await device.settled()
    }),
    check('whatever is no frame is a `bad_frame`, with its `ref` where it has one', async ({ people }) => {
      const [ann] = await people('ann')
      const device = await ann.connect()
      const bad = ['no JSON', '7', 'null', '"text"', '{"t":7}', '{"t":"send"}']
      for (const text of bad) device.raw(text)
      expectError(await device.ask({ t: 'send', conversationId: 'nowhere' }), 'bad_frame')
      await device.get(() => device.all({ t: 'error', code: 'bad_frame' }).length > bad.length)
      await device.settled()
    }),
    check('a client that goes on with bad frames is closed with 4400', async ({ people }) => {
      const [ann] = await people('ann')
      const device = await ann.connect()
      for (let i = 0; i < 100; i++) device.raw('{')
      assert.equal((await device.closed).code, 4400)
    }),
    check('a frame beyond 64 KiB closes the socket with 1009', async ({ people }) => {
      const [ann] = await people('ann')
      const device = await ann.connect()
      device.raw(JSON.stringify({ t: 'ping', padding: 'x'.repeat(FRAME_BYTES) }))
      assert.equal((await device.closed).code, 1009)
    }),
    check('a frame of 64 KiB is taken', async ({ people }) => {
      const [ann] = await people('ann')
      const device = await ann.connect()
      const ping = JSON.stringify({ t: 'ping', padding: '' })
      device.raw(ping.replace('""', `"${'x'.repeat(FRAME_BYTES - ping.length)}"`))
      await device.get({ t: 'pong' })
    }),
    check('when a device connects again, its older socket is closed with 4409', async ({ people }) => {
      const [ann] = await people('ann')
      const older = await ann.connect({ device: 'phone' })
      const newer = await ann.connect({ device: 'phone' })
      assert.equal((await older.closed).code, 4409)
      await newer.settled()
    }),
  ],
}
