/** Two nodes with built-in accounts, for the tests in this folder that come over HTTP, from wherever they say. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect } from 'vitest'
import type { Frame } from '../../support/chat.ts'
import { type System, startSystem } from '../../support/system.ts'

export const PASSWORD = 'correct horse battery staple'
export const fresh = () => `person ${randomBytes(6).toString('hex')}`

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Frame
}

/** Runs from before the first test of the file to after its last; no password may have been logged or kept by then. */
export function createAccountsScene() {
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
    // Undefined where the start has failed: that is the error to be seen.
    if ((system as System | undefined) === undefined) return
    let kept: readonly string[] = []
    try {
      kept = await keptRows()
      await pool.end()
    } finally {
      await system.stop()
    }
    // Whatever was sent, taken and refused in this file.
    expect([...kept, ...system.logged].join('\n')).not.toContain(PASSWORD)
  })

  /** Each row of the accounts as text. */
  async function keptRows(): Promise<readonly string[]> {
    const { rows } = await pool.query<{ row: string }>(
      'SELECT p::text AS row FROM accounts.people p UNION ALL SELECT l::text FROM accounts.logins l UNION ALL SELECT a::text FROM accounts.attempts a',
    )
    return rows.map(({ row }) => row)
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

  return { system: () => system, pool: () => pool, node, post, postInTime, registered, keptRows }
}

export function expectProblem({ status, headers, body }: Answer, expected: number, code: string): void {
  expect(status, JSON.stringify(body)).toBe(expected)
  expect(headers.get('content-type')).toContain('application/problem+json')
  expect(body.code).toBe(code)
}
