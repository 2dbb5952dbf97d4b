/** The life of a log-in, on two nodes: its refresh token is exchanged for the next until one comes again or expires, or is logged out. */
import { decodeJwt } from 'jose'
import { describe, expect, test } from 'vitest'
import { join } from '../../support/chat.ts'
import { createAccountsScene, expectProblem, PASSWORD } from './kit.ts'

const { node, pool, post, registered } = createAccountsScene()

describe('a refresh token', () => {
  const refresh = (refreshToken: string, on = 0) => post('refresh', { refreshToken }, { on })
  test('is exchanged for the next, again and again', async () => {
    let { userId, refreshToken } = await registered()
    const seen = new Set([refreshToken])
    for (let i = 0; i < 5; i++) {
      const { status, body } = await refresh(refreshToken, i % 2)
      expect(status).toBe(200)
      expect(body.userId).toBe(userId)
      expect(decodeJwt(body.token).sub).toBe(userId)
      refreshToken = body.refreshToken
      seen.add(refreshToken)
    }
    expect(seen.size).toBe(6)
  })

  test('that is sent several times at once, on two nodes, is exchanged once at most, and its log-in ends', async () => {
    const { refreshToken } = await registered()
    const answers = await Promise.all([0, 1, 0, 1].map((on) => refresh(refreshToken, on)))
    const exchanged = answers.filter(({ status }) => status === 200)
    expect(exchanged).toHaveLength(1)
    expectProblem(await refresh(exchanged[0]?.body.refreshToken), 401, 'unauthorized')
  })

  test('that is used again ends its log-in, for the thief and for the other, and no other one', async () => {
    const { name, refreshToken: stolen } = await registered()
    const elsewhere = await post('login', { name, password: PASSWORD })
    const { body } = await refresh(stolen)
    expectProblem(await refresh(stolen, 1), 401, 'unauthorized')
    expectProblem(await refresh(body.refreshToken), 401, 'unauthorized')
    expect((await refresh(elsewhere.body.refreshToken)).status).toBe(200)
  })

  test.each([
    '',
    'x',
    'a.b',
    `${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}.${'x'.repeat(43)}`,
    "' OR 1=1 --",
  ])('that was never given (%j) is refused', async (token) => {
    expectProblem(await refresh(token), 401, 'unauthorized')
    expect((await post('logout', { refreshToken: token })).status).toBe(204)
  })

  test('ends when it was not used for thirty days, and its row is swept', async () => {
    const { refreshToken } = await registered()
    await pool().query(`UPDATE accounts.logins SET expires_at = expires_at - interval '30 days 1 second'`)
    expectProblem(await refresh(refreshToken), 401, 'unauthorized')
  })
})

describe('logging out', () => {
  test('ends the log-in and closes its sockets on every node, and nobody else’s', async () => {
    const here = await registered()
    const { body: there } = await post('login', { name: here.name, password: PASSWORD })
    const [first, second] = [
      await join(node(0), here.userId, { token: here.token, device: 'a' }),
      await join(node(1), here.userId, { token: here.token, device: 'b' }),
    ]
    const other = await join(node(1), here.userId, { token: there.token, device: 'c' })
    expect((await post('logout', { refreshToken: here.refreshToken })).status).toBe(204)
    expect(await first.closed).toMatchObject({ code: 4401 })
    expect(await second.closed).toMatchObject({ code: 4401 })
    expectProblem(await post('refresh', { refreshToken: here.refreshToken }), 401, 'unauthorized')
    other.send({ t: 'ping' })
    await other.get({ t: 'pong' })
    await other.close()
  })

  test('takes the refresh token: what an access token says of its log-in ends nothing', async () => {
    const { token, refreshToken } = await registered()
    const { triptickLogin } = decodeJwt<{ triptickLogin: string }>(token)
    const form = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/
    for (const id of [triptickLogin, triptickLogin.replace(form, '$1-$2-$3-$4-$5')]) {
      const guessed = `${id}.${'x'.repeat(43)}`
      expectProblem(await post('refresh', { refreshToken: guessed }), 401, 'unauthorized')
      expect((await post('logout', { refreshToken: guessed })).status).toBe(204)
    }
    expect((await post('refresh', { refreshToken })).status).toBe(200)
  })

  test('closes a socket that was renewed, or opened with a ticket, too', async () => {
    const { userId, token, refreshToken } = await registered()
    const renewed = await join(node(1), userId, { token, device: 'renewed' })
    const { body } = await post('refresh', { refreshToken })
    renewed.send({ t: 'renew', ref: 1, token: body.token })
    await renewed.get({ t: 'renewed' })
    const response = await fetch(`${node(0)}/v1/ws-tickets`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    })
    const { ticket } = (await response.json()) as { ticket: string }
    const ticketed = await join(node(1), userId, { ticket, device: 'ticketed' })
    await post('logout', { refreshToken: body.refreshToken })
    expect(await renewed.closed).toMatchObject({ code: 4401 })
    expect(await ticketed.closed).toMatchObject({ code: 4401 })
  })

  test('a refresh token that comes again closes them as well', async () => {
    const { userId, token, refreshToken } = await registered()
    const chat = await join(node(1), userId, { token })
    await post('refresh', { refreshToken })
    await post('refresh', { refreshToken })
    expect(await chat.closed).toMatchObject({ code: 4401 })
  })
})
