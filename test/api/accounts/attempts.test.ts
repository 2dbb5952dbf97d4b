/**
 * Those who try to get in, on two nodes: how many attempts they have, and what is kept of them. In this order: what one test leaves
 * of everybody's attempts the next begins with.
 */
import { createHash } from 'node:crypto'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Answer, createAccountsScene, expectProblem, fresh, PASSWORD } from './kit.ts'

const { keptRows, pool, post, postInTime, registered, system } = createAccountsScene()

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
    await system().startApi()
    expectProblem(await post('login', { name, password: PASSWORD }, { on: 2 }), 429, 'rate_limited')
    // Others are not hindered; and time helps.
    const other = await registered()
    expect((await post('login', { name: other.name, password: PASSWORD })).status).toBe(200)
    await pool().query(`UPDATE accounts.attempts SET full_at = full_at - interval '31 seconds'`)
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
    await pool().query(`UPDATE accounts.attempts SET full_at = now() + interval '400 seconds'`)
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
      (await pool().query('SELECT key, full_at::text FROM accounts.attempts ORDER BY key')).rows
    for (const [seconds, names] of [
      [400, [name]],
      [700, [name, fresh()]],
    ] as const) {
      await pool().query(`UPDATE accounts.attempts SET full_at = now() + make_interval(secs => $1)`, [
        seconds,
      ])
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
    const { rowCount } = await pool().query(
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
    await pool().query(`UPDATE accounts.attempts SET full_at = now() + interval '700 seconds'`)
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
    const { rows } = await pool().query<{ full: number }>(
      'SELECT extract(epoch FROM full_at)::float AS full FROM accounts.attempts WHERE key = $1',
      [key],
    )
    return rows[0]?.full ?? 0
  }
  await pool().query(`UPDATE accounts.attempts SET full_at = now() + interval '60 seconds'`)
  const before = await left()
  expectProblem(await post('register', { name: fresh(), password: 'short' }, { from }), 400, 'bad_frame')
  expectProblem(await post('register', { name: '', password: PASSWORD }, { from }), 400, 'bad_frame')
  expect(await left()).toBeCloseTo(before, 3)
  expectProblem(await post('register', { name, password: PASSWORD }, { from }), 409, 'conflict')
  expect(await left()).toBeCloseTo(before + 6, 3)
})

test('neither passwords nor tokens are kept or logged in the clear', async () => {
  const { name, token, refreshToken } = await registered()
  const secret = `${PASSWORD} and ${name}`
  await post('login', { name, password: secret })
  const { body } = await post('refresh', { refreshToken })
  await post('refresh', { refreshToken: `${refreshToken}x` })
  const rows = await keptRows()
  const kept = `${rows.join('\n')}\n${system().logged.join('\n')}`
  expect(rows.length).toBeGreaterThan(2)
  for (const text of [PASSWORD, secret, token, body.token]) expect(kept).not.toContain(text)
  for (const text of [refreshToken, body.refreshToken]) {
    const plain = text.split('.')[1] as string
    expect(kept).not.toContain(plain)
    expect(kept).not.toContain(Buffer.from(plain).toString('hex'))
  }
})
