/** Built-in accounts over HTTP, on two nodes: which are made, how they are found again, and what it is like without them. */
import { decodeJwt } from 'jose'
import { describe, expect, test } from 'vitest'
import { join } from '../../support/chat.ts'
import { startSystem } from '../../support/system.ts'
import { createAccountsScene, expectProblem, fresh, PASSWORD } from './kit.ts'

const { node, post, postInTime, registered } = createAccountsScene()

describe('an account', () => {
  test('opens everything from its first answer on, on every node', async () => {
    const { userId, token, expiresAt, name } = await registered()
    expect(expiresAt).toBeGreaterThan(Date.now())
    expect(decodeJwt(token)).toMatchObject({ sub: userId, name })
    // A route that waits for nothing else: read models may be behind.
    const response = await fetch(`${node(1)}/v1/gateways`, { headers: { authorization: `Bearer ${token}` } })
    expect(response.status).toBe(200)
    const chat = await join(node(1), userId, { token })
    expect(chat.all({ t: 'welcome' })).toMatchObject([{ userId, expiresAt }])
    await chat.close()
  })

  test('is found again by its name, however it is written, and its password', async () => {
    const { userId, name } = await registered()
    const again = await post('login', { name: ` ${name.toUpperCase()} `, password: PASSWORD }, { on: 1 })
    expect(again.status).toBe(200)
    expect(again.body).toMatchObject({ userId, token: expect.any(String), refreshToken: expect.any(String) })
    expect(again.headers.get('cache-control')).toBe('no-store')
  })

  test('has its name to itself, also when two take it at once', async () => {
    const name = fresh()
    const tries = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        postInTime(
          'register',
          { name: i % 2 ? name.toUpperCase() : name, password: PASSWORD },
          { on: i % 2 },
        ),
      ),
    )
    expect(tries.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409])
    expectProblem(await post('register', { name, password: PASSWORD }), 409, 'conflict')
  })

  test('whose name is nobody’s and one whose password is wrong are told the same', async () => {
    const { name } = await registered()
    const wrong = await post('login', { name, password: 'not this one' })
    const nobody = await post('login', { name: fresh(), password: 'not this one' })
    expectProblem(wrong, 401, 'unauthorized')
    expect(nobody.body).toEqual(wrong.body)
  })

  test.each([
    [{ name: 'ann' }, 'bad_frame'],
    [{ password: PASSWORD }, 'bad_frame'],
    [{ name: 7, password: PASSWORD }, 'bad_frame'],
    [{ name: '', password: PASSWORD }, 'bad_frame'],
    [{ name: 'a\u0000b', password: PASSWORD }, 'bad_frame'],
    [{ name: '\uD800', password: PASSWORD }, 'bad_frame'],
    [{ name: 'x'.repeat(65), password: PASSWORD }, 'too_large'],
    [{ name: 'ann', password: 'short' }, 'bad_frame'],
    [{ name: 'ann', password: 'x'.repeat(257) }, 'too_large'],
    [[], 'bad_frame'],
  ])('is not made of %j', async (body, code) => {
    expectProblem(await post('register', body), code === 'bad_frame' ? 400 : 413, code)
  })
})

test('switched off, nobody registers or logs in, and tokens work on', async () => {
  const without = await startSystem({ workers: false, settings: { TRIPTICK_ACCOUNTS: 'off' } })
  try {
    for (const path of ['register', 'login', 'refresh', 'logout']) {
      const body = { name: 'ann', password: PASSWORD, refreshToken: 'x' }
      const response = await fetch(`${without.urls[0]}/v1/auth/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      expect(response.status).toBe(404)
      expect(await response.json()).toMatchObject({
        code: 'not_found',
        detail: expect.stringContaining('TRIPTICK_ACCOUNTS'),
      })
    }
    const chat = await join(without.urls[0] as string, 'ann')
    await chat.close()
  } finally {
    await without.stop()
  }
})
