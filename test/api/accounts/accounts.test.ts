/** Built-in accounts over HTTP, on two nodes: registering, logging in, exchanging, logging out, and those who try to get in. */
import { createHash, randomBytes } from 'node:crypto'
import { decodeJwt } from 'jose'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Frame, join } from '../../support/chat.ts'
import { type System, startSystem } from '../../support/system.ts'

let system: System
let pool: pg.Pool
const node = (index: number) => system.urls[index] as string

beforeAll(async () => {
  // Who asks is said by a load balancer on this machine, so that a test can come from anywhere.
  const settings = { TRIPTICK_TRUSTED_PROXIES: 'loopback' }
  system = await startSystem({ workers: false, apiNodes: 2, settings })
  pool = new pg.Pool({ connectionString: system.database.url })
})
afterAll(async () => {
  await pool.end()
  await system.stop()
})

const PASSWORD = 'correct horse battery staple'
const fresh = () => `person ${randomBytes(6).toString('hex')}`

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Frame
}

async function post(path: string, body: object, { on = 0, from = '127.0.0.1' } = {}): Promise<Answer> {
  const response = await fetch(`${node(on)}/v1/auth/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-forwarded-for': from },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}

/** Comes back where its turn came too late, as on a machine that stood still meanwhile: that is no attempt. */
async function postInTime(
  path: string,
  body: object,
  where: { readonly on: number; readonly from?: string },
): Promise<Answer> {
  for (;;) {
    const answer = await post(path, body, where)
    if (answer.body.code !== 'overloaded') return answer
  }
}

async function registered(): Promise<{ readonly name: string } & Frame> {
  const name = fresh()
  const { status, body } = await post('register', { name, password: PASSWORD })
  expect(status, JSON.stringify(body)).toBe(201)
  return { name, ...body }
}

function expectProblem({ status, headers, body }: Answer, expected: number, code: string): void {
  expect(status, JSON.stringify(body)).toBe(expected)
  expect(headers.get('content-type')).toContain('application/problem+json')
  expect(body.code).toBe(code)
}

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

describe('log-ins', () => {
  test('that fail are limited by name and network, on all nodes together, and over a restart', async () => {
    const { name } = await registered()
    const wrong = (on: number) => postInTime('login', { name, password: 'not this one' }, { on })
    const all = await Promise.all(Array.from({ length: 16 }, (_, i) => wrong(i % 2)))
    expect(all.filter(({ status }) => status === 401)).toHaveLength(10)
    const [limited] = all.filter(({ status }) => status === 429)
    expectProblem(limited as Answer, 429, 'rate_limited')
    expect(Number(limited?.headers.get('retry-after'))).toBeGreaterThan(0)
    // The right password is not looked at either: its answer would tell.
    expectProblem(await post('login', { name: name.toUpperCase(), password: PASSWORD }), 429, 'rate_limited')
    await system.startApi()
    expectProblem(await post('login', { name, password: PASSWORD }, { on: 2 }), 429, 'rate_limited')
    // Others are not hindered; and time helps.
    const other = await registered()
    expect((await post('login', { name: other.name, password: PASSWORD })).status).toBe(200)
    await pool.query(`UPDATE accounts.attempts SET full_at = full_at - interval '31 seconds'`)
    expect((await post('login', { name, password: PASSWORD })).status).toBe(200)
  })

  test('that fail keep nobody out who comes from another network', async () => {
    const { name } = await registered()
    const guessed = { name, password: 'not this one' }
    for (let i = 0; i < 10; i++) {
      expectProblem(await post('login', guessed, { from: '203.0.113.20' }), 401, 'unauthorized')
    }
    expectProblem(await post('login', guessed, { from: '203.0.113.20' }), 429, 'rate_limited')
    const theirs = await post('login', { name, password: PASSWORD }, { from: '203.0.113.21' })
    expect(theirs.status).toBe(200)
  })

  test('that fail are limited by name, from however many networks', async () => {
    const { name } = await registered()
    const from = '203.0.113.30'
    await post('login', { name, password: 'x' }, { from })
    // More than a name has at once, less than a network has.
    await pool.query(`UPDATE accounts.attempts SET full_at = now() + interval '400 seconds'`)
    const elsewhere = await post('login', { name, password: PASSWORD }, { from: '203.0.113.31', on: 1 })
    expectProblem(elsewhere, 429, 'rate_limited')
    expect(elsewhere.body.retryAfterMs).toBeGreaterThan(90_000)
    expectProblem(await post('login', { name: fresh(), password: 'x' }, { from }), 401, 'unauthorized')
  })

  test('that are refused for being too many are not counted', async () => {
    const { name } = await registered()
    const from = '203.0.113.40'
    await post('login', { name, password: 'x' }, { from })
    const buckets = async () =>
      (await pool.query('SELECT key, full_at::text FROM accounts.attempts ORDER BY key')).rows
    for (const [seconds, names] of [
      [400, [name]],
      [700, [name, fresh()]],
    ] as const) {
      await pool.query(`UPDATE accounts.attempts SET full_at = now() + make_interval(secs => $1)`, [seconds])
      const before = await buckets()
      for (const one of names) {
        expectProblem(await post('login', { name: one, password: 'x' }, { from }), 429, 'rate_limited')
      }
      expect(await buckets()).toEqual(before)
    }
  })

  test('that succeed are not counted', async () => {
    const { name } = await registered()
    for (let i = 0; i < 14; i++) {
      expect((await post('login', { name, password: PASSWORD }, { from: '198.51.100.9' })).status).toBe(200)
    }
  })

  test('that succeed are not counted either while they are under way, however many come at once', async () => {
    const { name } = await registered()
    const from = '198.51.100.10'
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        postInTime('login', { name, password: PASSWORD }, { from, on: i % 2 }),
      ),
    )
    expect(all.map(({ status }) => status)).toEqual(all.map(() => 200))
  })

  test('that come in a flood from one network are told to come back, and hold up no other network', async () => {
    const { name } = await registered()
    // Held, so that nobody's turn comes too late, on a machine that stands still meanwhile: then all are told to come back at once.
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const from = '192.0.2.1'
    const flood = Array.from({ length: 90 }, () => post('login', { name: fresh(), password: 'x' }, { from }))
    const elsewhere = post('login', { name, password: PASSWORD }, { from: '192.0.2.2' })
    const first = await Promise.race([elsewhere, Promise.all(flood)])
    expect(first).toMatchObject({ status: 200 })
    const [refused] = (await Promise.all(flood)).filter(({ status }) => status !== 401)
    expectProblem(refused as Answer, 503, 'overloaded')
  })

  test('that fail are limited by network, under whatever name', async () => {
    await post('login', { name: fresh(), password: 'x' }, { from: '2001:db8:1:2::1' })
    const { rowCount } = await pool.query(
      `UPDATE accounts.attempts SET full_at = now() + interval '700 seconds'`,
    )
    expect(rowCount).toBeGreaterThan(0)
    const sameHouse = await post(
      'login',
      { name: fresh(), password: 'x' },
      { from: '2001:db8:1:2::ffff', on: 1 },
    )
    expectProblem(sameHouse, 429, 'rate_limited')
    const elsewhere = await post('login', { name: fresh(), password: 'x' }, { from: '2001:db8:1:3::1' })
    expectProblem(elsewhere, 401, 'unauthorized')
  })

  test('and registrations are limited by network too', async () => {
    const from = '203.0.113.7'
    expect((await post('register', { name: fresh(), password: PASSWORD }, { from })).status).toBe(201)
    await pool.query(`UPDATE accounts.attempts SET full_at = now() + interval '700 seconds'`)
    expectProblem(
      await post('register', { name: fresh(), password: PASSWORD }, { from }),
      429,
      'rate_limited',
    )
    expect(
      (await post('register', { name: fresh(), password: PASSWORD }, { from: '203.0.113.8' })).status,
    ).toBe(201)
  })
})

test('registrations that were refused for their password are not counted; those for a name that is taken are', async () => {
  const { name } = await registered()
  const from = '203.0.113.50'
  await post('register', { name: fresh(), password: PASSWORD }, { from })
  const left = async (): Promise<number> => {
    const key = createHash('sha256').update(`registration ${from}`).digest()
    const { rows } = await pool.query<{ full: number }>(
      'SELECT extract(epoch FROM full_at)::float AS full FROM accounts.attempts WHERE key = $1',
      [key],
    )
    return rows[0]?.full ?? 0
  }
  await pool.query(`UPDATE accounts.attempts SET full_at = now() + interval '60 seconds'`)
  const before = await left()
  expectProblem(await post('register', { name: fresh(), password: 'short' }, { from }), 400, 'bad_frame')
  expectProblem(await post('register', { name: '', password: PASSWORD }, { from }), 400, 'bad_frame')
  expect(await left()).toBeCloseTo(before, 3)
  expectProblem(await post('register', { name, password: PASSWORD }, { from }), 409, 'conflict')
  expect(await left()).toBeCloseTo(before + 6, 3)
})

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
    await pool.query(`UPDATE accounts.logins SET expires_at = expires_at - interval '30 days 1 second'`)
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

test('neither passwords nor tokens are kept or logged in the clear', async () => {
  const { name, token, refreshToken } = await registered()
  const secret = `${PASSWORD} and ${name}`
  await post('login', { name, password: secret })
  const { body } = await post('refresh', { refreshToken })
  await post('refresh', { refreshToken: `${refreshToken}x` })
  const { rows } = await pool.query(
    'SELECT p::text AS row FROM accounts.people p UNION ALL SELECT l::text FROM accounts.logins l UNION ALL SELECT a::text FROM accounts.attempts a',
  )
  const kept = `${rows.map(({ row }) => row).join('\n')}\n${system.logged.join('\n')}`
  expect(rows.length).toBeGreaterThan(2)
  for (const text of [PASSWORD, secret, token, body.token]) expect(kept).not.toContain(text)
  for (const text of [refreshToken, body.refreshToken]) {
    const plain = text.split('.')[1] as string
    expect(kept).not.toContain(plain)
    expect(kept).not.toContain(Buffer.from(plain).toString('hex'))
  }
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
