import fastify from 'fastify'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import type { ApiDeps } from '../../api/deps.ts'
import { healthRoutes } from '../../api/routes/health.ts'
import { notReady } from '../../protocol/answers.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import { begin, join } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'

let system: System
let url: string

beforeAll(async () => {
  system = await startSystem({ workers: false })
  url = system.urls[0] as string
})
afterAll(() => system.stop())

const ready = async () => {
  const response = await fetch(`${url}/readyz`)
  return { status: response.status, body: await response.json() }
}

test('is ready while the read models keep up, and says how far they are behind', async () => {
  const id = await begin(url, 'alice', 'direct', ['bob'])
  const alice = await join(url, 'alice')
  await alice.say(id, 'hello')
  await expect.poll(ready).toMatchObject({ status: 200, body: { projections: { ok: true, lagSeconds: 0 } } })
  await alice.close()
})

test('metrics tell of appends, sockets and lag in seconds', async () => {
  const ask = async () => (await fetch(`${url}/metrics`)).text()
  // That she has gone may be recorded, and not yet be in the read models.
  await expect.poll(ask).toMatch(/triptick_read_models_lag_seconds\{lane="0".*\} 0\n/)
  const metrics = await ask()
  expect(metrics).toMatch(/triptick_ledger_append_seconds_count\{[^}]*outcome="written"[^}]*\} [1-9]/)
  expect(metrics).toMatch(/triptick_frames_total\{type="send".*\} 1\n/)
})

test('without projections messages still flow, queries say "unavailable", and nothing is lost', async () => {
  const id = await begin(url, 'carl', 'direct', ['dora'])
  const [carl, dora] = [await join(url, 'carl'), await join(url, 'dora')]
  await system.stopProjections()
  await carl.say(id, 'while nobody projects')
  await dora.get({ t: 'message', conversationId: id, seq: 1 })
  dora.send({ t: 'read', conversationId: id, upTo: 1 })
  await carl.get({ t: 'receipt', kind: 'read' })
  const { tokenFor } = await import('../support/system.ts')
  const headers = { authorization: `Bearer ${await tokenFor('dora')}` }
  const behind = await fetch(`${url}/v1/inbox`, { headers })
  expect(behind.status).toBe(503)
  expect(await behind.json()).toMatchObject({ code: 'unavailable', retryable: true })
  await system.startProjections()
  await expect.poll(async () => (await fetch(`${url}/v1/inbox`, { headers })).status).toBe(200)
  await Promise.all([carl.close(), dora.close()])
})

test('however many ask, the database is asked once', async () => {
  let statements = 0
  const pool = {
    query: async () => {
      statements++
      return { rows: [] }
    },
  }
  const ledger = { ping: async () => {}, head: async () => 0n }
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const app = fastify()
  await app.register(healthRoutes({ pool, ledger, metrics: createMetrics('api') } as unknown as ApiDeps))
  const asking = Array.from({ length: 50 }, (_, number) => app.inject(number % 2 ? '/readyz' : '/metrics'))
  for (const { statusCode } of await Promise.all(asking)) expect(statusCode).toBe(200)
  expect(statements).toBe(2)
  await app.close()
})

test('a lane that stands still is not ready, however well the other gets on', async () => {
  const now = Date.now()
  const lanes = [
    { lane: 0, position: '10', event_at: String(now - 60_000), now: String(now), caught_up_at: null },
    { lane: 1, position: '10', event_at: String(now - 60_000), now: String(now), caught_up_at: null },
  ]
  const pool = {
    query: async ({ name }: { name?: string }) => ({
      rows: name === 'projection lag' ? lanes.map((lane) => ({ ...lane })) : [],
    }),
  }
  const ledger = { ping: async () => {}, head: async () => 1_000n }
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const app = fastify()
  await app.register(healthRoutes({ pool, ledger, metrics: createMetrics('api') } as unknown as ApiDeps))
  const statusAfter = async (progress: readonly number[]) => {
    await vi.advanceTimersByTimeAsync(2_100)
    for (const [index, by] of progress.entries()) {
      const lane = lanes[index] as (typeof lanes)[0]
      lane.position = String(Number(lane.position) + by)
    }
    return (await app.inject('/readyz')).statusCode
  }
  expect(await statusAfter([0, 0])).toBe(200)
  expect(await statusAfter([5, 5])).toBe(200)
  expect(await statusAfter([5, 0])).toBe(503)
  expect(await statusAfter([5, 5])).toBe(200)
  await app.close()
})

test('who asks is told within seconds, also while nothing answers', async () => {
  const silent = () => new Promise<never>(() => {})
  const pool = { query: silent }
  const ledger = { ping: silent, head: silent }
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const app = fastify()
  await app.register(healthRoutes({ pool, ledger, metrics: createMetrics('api') } as unknown as ApiDeps))
  const asking = Promise.all([app.inject('/readyz'), app.inject('/metrics')])
  await vi.advanceTimersByTimeAsync(4_000)
  const answers = await asking
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([503, 200])
  expect(answers[0]?.json()).toMatchObject({ database: { ok: false }, ledger: { ok: false } })
  await app.close()
})

test('who is not ready says so as a problem of the catalogue, with what each part says as members of its own', async () => {
  const pool = { query: async () => ({ rows: [] }) }
  const ledger = { ping: () => Promise.reject(new Error('gone')), head: async () => 0n }
  const app = fastify()
  await app.register(healthRoutes({ pool, ledger, metrics: createMetrics('api') } as unknown as ApiDeps))
  const answer = await app.inject('/readyz')
  expect(answer.headers['content-type']).toMatch('application/problem+json')
  expect(answer.headers['retry-after']).toBe('1')
  expect(notReady.parse(answer.json())).toEqual(answer.json())
  expect(answer.json()).toMatchObject({
    status: 503,
    code: 'unavailable',
    retryable: true,
    detail: 'not ready: ledger: no answer',
    database: { ok: true },
    ledger: { ok: false, detail: 'no answer' },
    projections: { ok: true, lagSeconds: 0 },
  })
  await app.close()
})
