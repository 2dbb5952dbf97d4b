/** Built-in accounts: registering, logging in, refreshing. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type Area, check } from '../check.ts'
import type { Frame } from '../message.ts'
import type { Stage } from '../stage.ts'
import { unique } from '../tokens.ts'
import { expectProblem } from './expect.ts'

const password = (): string => randomBytes(18).toString('base64url')

async function register({ call }: Stage, name: string, secret: string): Promise<Frame> {
  const { status, body } = await call('POST', '/v1/auth/register', { body: { name, password: secret } })
  assert.ok(status === 200 || status === 201, JSON.stringify(body))
  for (const field of ['userId', 'token', 'refreshToken']) assert.equal(typeof body[field], 'string', field)
  assert.ok(body.expiresAt > Date.now(), '`expiresAt` is in Unix milliseconds')
  return body
}

export const accounts: Area = {
  area: 'accounts',
  checks: [
    check('whoever registers is in at once, and can log in again', async (stage) => {
      const [name, secret] = [unique('ann'), password()]
      const registered = await register(stage, name, secret)
      assert.equal((await stage.call('GET', '/v1/inbox', { token: registered.token })).status, 200)
      const { status, body } = await stage.call('POST', '/v1/auth/login', {
        body: { name, password: secret },
      })
      assert.equal(status, 200, JSON.stringify(body))
      assert.equal(body.userId, registered.userId)
      assert.equal((await stage.call('GET', '/v1/inbox', { token: body.token })).status, 200)
    }),
    check('a wrong password and an unknown name are refused alike', async (stage) => {
      const name = unique('ann')
      await register(stage, name, password())
      const wrong = await stage.call('POST', '/v1/auth/login', { body: { name, password: password() } })
      const unknown = await stage.call('POST', '/v1/auth/login', {
        body: { name: unique('nobody'), password: password() },
      })
      expectProblem(wrong, 401, 'unauthorized')
      expectProblem(unknown, 401, 'unauthorized')
      assert.deepEqual(wrong.body, unknown.body)
    }),
    check('a name belongs to one account', async (stage) => {
      const name = unique('ann')
      await register(stage, name, password())
      const again = { body: { name, password: password() } }
      expectProblem(await stage.call('POST', '/v1/auth/register', again), 409, 'conflict')
    }),
    check('a password that is too short is refused', async ({ call }) => {
      const short = await call('POST', '/v1/auth/register', {
        body: { name: unique('ann'), password: 'short' },
      })
      expectProblem(short, 400, 'bad_frame')
    }),
    check('a refresh token gives new ones, of the same person', async (stage) => {
      const first = await register(stage, unique('ann'), password())
      const { refreshToken } = first
      const { status, body } = await stage.call('POST', '/v1/auth/refresh', { body: { refreshToken } })
      assert.equal(status, 200, JSON.stringify(body))
      assert.equal(body.userId, first.userId)
      assert.notEqual(body.refreshToken, refreshToken)
      assert.equal((await stage.call('GET', '/v1/inbox', { token: body.token })).status, 200)
      const invented = { body: { refreshToken: password() } }
      expectProblem(await stage.call('POST', '/v1/auth/refresh', invented), 401, 'unauthorized')
    }),
  ],
}
