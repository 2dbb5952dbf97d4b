/** Who gets in: tokens and tickets. */
import assert from 'node:assert/strict'
import { type Area, check } from '../check.ts'
import { type openDevice, Refused } from '../device.ts'
import type { Stage } from '../stage.ts'
import { inSeconds, signWith, unique } from '../tokens.ts'
import { expectProblem } from './expect.ts'

/** HTTP and the upgrade alike. */
async function expectUnauthorized(stage: Stage, token: string | undefined): Promise<void> {
  const answer = await stage.call('GET', '/v1/inbox', token === undefined ? {} : { token })
  expectProblem(answer, 401, 'unauthorized')
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  await expectRefusedUpgrade(stage.open({ headers }), 401)
}

async function expectRefusedUpgrade(opening: ReturnType<typeof openDevice>, status: number): Promise<void> {
  const outcome = await opening.then(
    () => 101,
    (error) => (error instanceof Refused ? error.status : error),
  )
  assert.equal(outcome, status)
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export const identity: Area = {
  area: 'identity',
  checks: [
    check('a bearer token opens a socket', async ({ people }) => {
      const [ann] = await people('ann')
      const device = await ann.connect()
      assert.equal((await device.get({ t: 'welcome' })).userId, ann.userId)
    }),
    check('without a token nothing opens', (stage) => expectUnauthorized(stage, undefined)),
    check('a token that somebody else signed opens nothing', async (stage) => {
      const forged = await signWith('nobody knows this secret of forty letters', {
        sub: unique('ann'),
        exp: inSeconds(600),
      })
      await expectUnauthorized(stage, forged)
    }),
    check('a token without a signature opens nothing', async (stage) => {
      const claims = { sub: unique('ann'), exp: inSeconds(600) }
      await expectUnauthorized(stage, `${base64url({ alg: 'none' })}.${base64url(claims)}.`)
    }),
    check('a token that is garbage opens nothing', (stage) => expectUnauthorized(stage, 'garbage')),
    check('a token that has expired opens nothing', async (stage) => {
      await expectUnauthorized(stage, await stage.tokens.sign({ sub: unique('ann'), exp: inSeconds(-1) }))
    }),
    check('a token for an impossible user opens nothing', async (stage) => {
      await expectUnauthorized(stage, await stage.tokens.sign({ sub: 'an n', exp: inSeconds(600) }))
    }),
    check('a token with an unknown role opens nothing', async (stage) => {
      const claims = { sub: unique('ann'), exp: inSeconds(600), roles: ['emperor'] }
      await expectUnauthorized(stage, await stage.tokens.sign(claims))
    }),
    check('when the token of an open socket ends, it is closed with 4401', async ({ tokens, open }) => {
      const token = await tokens.sign({ sub: unique('ann'), exp: inSeconds(2) })
      const device = await open({ headers: { authorization: `Bearer ${token}` } })
      assert.equal((await device.closed).code, 4401)
    }),
    check('an open socket is given a new token, of the same person only', async ({ people }) => {
      const [ann, ben] = await people('ann', 'ben')
      const device = await ann.connect()
      const renewed = await device.ask({ t: 'renew', token: ann.token })
      assert.equal(renewed.t, 'renewed', JSON.stringify(renewed))
      assert.ok(renewed.expiresAt > Date.now())
      assert.equal((await device.ask({ t: 'renew', token: ben.token })).code, 'forbidden')
      assert.equal((await device.ask({ t: 'renew', token: 'garbage' })).code, 'unauthorized')
      await device.settled()
    }),
    check('a ticket opens one socket, once, and is not echoed', async ({ people, open, patienceMs }) => {
      const [ann] = await people('ann')
      const { status, body } = await ann.call('POST', '/v1/ws-tickets')
      assert.equal(status, 201)
      const subprotocols = [`ticket.${body.ticket}`]
      const device = await open({ subprotocols })
      assert.equal(device.socket.protocol, 'triptick.v1')
      assert.equal((await device.get({ t: 'welcome' })).userId, ann.userId)
      await expectRefusedUpgrade(open({ subprotocols, patienceMs }), 401)
    }),
    check('an invented ticket opens nothing', ({ open }) =>
      expectRefusedUpgrade(open({ subprotocols: ['ticket.invented'] }), 401),
    ),
    check('roles of staff open nobody’s conversations', async ({ people, direct, tokens, call }) => {
      const [ann, ben] = await people('ann', 'ben')
      const id = await direct(ann, ben)
      for (const role of ['support', 'analyst', 'admin']) {
        const token = await tokens.sign({ sub: unique(role), exp: inSeconds(600), roles: [role] })
        expectProblem(await call('GET', `/v1/conversations/${id}/messages`, { token }), 403, 'not_member')
      }
    }),
  ],
}
