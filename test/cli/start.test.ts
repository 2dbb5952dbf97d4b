import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { readRunning } from '../../runtime/data-folder.ts'
import { isAlive } from '../../runtime/process-identity.ts'
import { buildProgram } from '../support/built-program.ts'
import { createScene, type Scene } from './started.ts'

let scene: Scene
beforeAll(buildProgram)
beforeEach(async () => {
  scene = await createScene()
})
afterEach(() => scene.end())

interface Facts {
  pid: number
  node: string
  databaseUrl: string
  jwtSecret: string
  masterKeyBytes: number
}
const ask = async (address: string): Promise<Facts> => (await fetch(address)).json() as Promise<Facts>

test('a fresh folder becomes a system that says where it is and how to get in', async () => {
  const triptick = scene.start()
  const address = await triptick.ready()
  await expect.poll(triptick.output).toContain(`TRIPTICK_DATA='${scene.data}' npx triptick token alice`)
  expect(triptick.output()).toContain(scene.data)
  const facts = await ask(address)
  expect(facts).toMatchObject({ masterKeyBytes: 32, databaseUrl: expect.stringContaining('postgres://') })
  expect(facts.jwtSecret).toBe(readFileSync(join(scene.data, 'jwt-secret'), 'utf8').trim())
  for (const secret of ['jwt-secret', 'master-key', 'running.json']) {
    expect(statSync(join(scene.data, secret)).mode & 0o777).toBe(0o600)
  }
})

test('Ctrl-C stops the api first, then the background, then Postgres; a restart finds everything', async () => {
  const first = scene.start()
  const { databaseUrl } = await ask(await first.ready())
  first.ctrlC()
  expect(await first.ended()).toBe(0)
  expect(scene.journal().slice(-3)).toEqual(['api down', 'workers down', 'projections down'])
  expect(existsSync(join(scene.data, 'postgres', 'cluster', 'postmaster.pid'))).toBe(false)
  expect(readRunning(scene.data)).toBeUndefined()

  const again = await scene.start().ready()
  expect(scene.journal()).toContain('projections up 2')
  const user = (url: string) => new URL(url).username + new URL(url).password
  expect(user((await ask(again)).databaseUrl)).toBe(user(databaseUrl))
})

test('a second Ctrl-C does not wait for whoever is slow', async () => {
  const triptick = scene.start(['start'], { FIXTURE_API: 'hangs' })
  await triptick.ready()
  triptick.ctrlC()
  // Two that come within 300 ms of each other are one.
  await expect.poll(triptick.output).toContain('SIGINT: stopping')
  await sleep(500)
  const since = performance.now()
  triptick.ctrlC()
  expect(await triptick.ended()).toBe(130)
  // Of the fifteen seconds that it would wait.
  expect(performance.now() - since).toBeLessThan(10_000)
})

test('a Ctrl-C while it is still starting leaves nothing behind', async () => {
  const triptick = scene.start()
  await expect.poll(() => existsSync(join(scene.data, 'postgres'))).toBe(true)
  triptick.ctrlC()
  expect(await triptick.ended()).toBe(0)
  expect(readRunning(scene.data)).toBeUndefined()
  await scene.start().ready()
})

test('a process that crashes is started again', async () => {
  const address = await scene.start().ready()
  const { pid } = await ask(address)
  await fetch(`${address}/crash`).catch(() => {})
  const next = async () => (await ask(address).catch(() => undefined))?.pid
  await expect.poll(next, { timeout: 30_000 }).toBeTypeOf('number')
  expect(await next()).not.toBe(pid)
})

test('a process that crashes again and again ends everything, and the reason is given', async () => {
  const triptick = scene.start(['start'], { FIXTURE_API: 'crashes' })
  expect(await triptick.ended()).toBe(1)
  expect(triptick.output()).toContain(
    'the api process ended 5 times within a minute, the last time with code 7',
  )
  expect(existsSync(join(scene.data, 'postgres', 'cluster', 'postmaster.pid'))).toBe(false)
})

test('after a kill -9 of the supervisor its children stop by themselves and the next start takes over', async () => {
  const first = scene.start()
  const { pid } = await ask(await first.ready())
  first.process.kill('SIGKILL')
  await first.ended()
  const address = await scene.start().ready()
  expect(scene.journal()).toContain('api down')
  expect(isAlive(pid)).toBe(false)
  expect((await ask(address)).pid).not.toBe(pid)
})

test('after a kill -9 of the supervisor that nobody follows, Postgres stops too', async () => {
  const triptick = scene.start()
  await triptick.ready()
  triptick.process.kill('SIGKILL')
  const pidFile = join(scene.data, 'postgres', 'cluster', 'postmaster.pid')
  await expect.poll(() => existsSync(pidFile), { timeout: 30_000 }).toBe(false)
})

test('if Postgres is killed everything ends with a word on it, and the next start recovers', async () => {
  const triptick = scene.start()
  await triptick.ready()
  const pidFile = join(scene.data, 'postgres', 'cluster', 'postmaster.pid')
  process.kill(Number(readFileSync(pidFile, 'utf8').split('\n')[0]), 'SIGKILL')
  expect(await triptick.ended()).toBe(1)
  expect(triptick.output()).toContain('Postgres ended by itself')
  await scene.start().ready()
  expect(scene.journal()).toContain('projections up 2')
})
