import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { buildProgram } from '../support/built-program.ts'
import { freePort } from '../support/free-port.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { createScene, type Scene } from './started.ts'

let scene: Scene
beforeAll(buildProgram)
beforeEach(async () => {
  scene = await createScene()
})
afterEach(() => scene.end())

const SHARED = {
  TRIPTICK_JWT_SECRET: 'x'.repeat(32),
  TRIPTICK_MASTER_KEY: Buffer.alloc(32, 1).toString('base64'),
}

test('a wrong setting is named before anything starts', async () => {
  const triptick = scene.start(['start'], { PORT: '80a', TRIPTICK_LOGLEVEL: 'debug' })
  expect(await triptick.ended()).toBe(2)
  expect(triptick.output()).toContain('PORT: "80a" is wrong: it must be a port number from 0 to 65535')
  expect(triptick.output()).toContain('Did you mean TRIPTICK_LOG_LEVEL?')
  expect(existsSync(scene.data)).toBe(false)
})

test('a port in use is named, with what to do about it', async () => {
  const other: Server = createServer()
  const port = await freePort()
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve))
  const triptick = scene.start(['start'], { PORT: String(port) })
  expect(await triptick.ended()).toBe(1)
  expect(triptick.output()).toContain(`PORT: something else already listens on port ${port}`)
  expect(triptick.output()).toContain(`PORT=${port + 1}`)
  other.close()
})

test('a Redis that is not there is named before a database is made', async () => {
  const port = await freePort()
  const triptick = scene.start(['start'], { REDIS_URL: `redis://127.0.0.1:${port}` })
  expect(await triptick.ended()).toBe(1)
  expect(triptick.output()).toContain(
    `Redis at 127.0.0.1:${port} does not let us in: connect ECONNREFUSED 127.0.0.1:${port}`,
  )
  expect(triptick.output()).toContain('unset REDIS_URL')
  expect(existsSync(join(scene.data, 'postgres'))).toBe(false)
})

test('… and so is an EventStoreDB, to whoever would start on it or read it', async () => {
  const port = await freePort()
  const LEDGER_URL = `esdb://admin:hunter2@127.0.0.1:${port}?tls=false`
  const alone = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', ...SHARED }
  const commands: [string[], Record<string, string>][] = [
    [['start'], {}],
    [['start', '--role', 'api'], alone],
    [['events', '0199a3c2-7d51-7a4e-9c65-3f0a2b1c4d5e'], {}],
    [['rebuild'], {}],
  ]
  for (const [args, env] of commands) {
    const triptick = scene.start(args, { LEDGER_URL, ...env })
    expect(await triptick.ended()).toBe(1)
    expect(triptick.output()).toContain(`EventStoreDB at 127.0.0.1:${port} does not let us in: `)
    expect(triptick.output()).toContain('Check LEDGER_URL')
    expect(triptick.output()).not.toMatch(/hunter2|ready|\n +at /)
    expect(existsSync(join(scene.data, 'postgres'))).toBe(false)
  }
})

test('a data folder in use is named, with the process that has it', async () => {
  const first = scene.start()
  const address = await first.ready()
  const second = scene.start(['start'], { PORT: '0' })
  expect(await second.ended()).toBe(1)
  expect(second.output()).toContain(
    `another Triptick is running on the data folder ${scene.data} (process ${first.process.pid}, at ${address})`,
  )
  expect(second.output()).toContain('TRIPTICK_DATA')
  expect((await fetch(address)).ok).toBe(true)
})

test('accounts beside an identity provider need the secret that signs their tokens', async () => {
  const shared = {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    TRIPTICK_MASTER_KEY: Buffer.alloc(32).toString('base64'),
    TRIPTICK_JWKS_URL: 'http://127.0.0.1:1/jwks.json',
  }
  const triptick = scene.start(['start', '--role', 'api'], { ...shared, TRIPTICK_ACCOUNTS: 'on' })
  expect(await triptick.ended()).toBe(2)
  expect(triptick.output()).toContain('TRIPTICK_JWT_SECRET')
  expect(triptick.output()).toContain('unset TRIPTICK_ACCOUNTS')
  // Without them it gets as far as the database, which is not there.
  const without = scene.start(['start', '--role', 'api'], shared)
  expect(await without.ended()).toBe(1)
  expect(without.output()).not.toContain('TRIPTICK_JWT_SECRET')
})

test('a single role says what all processes of a deployment must have in common', async () => {
  const triptick = scene.start(['start', '--role', 'api'])
  expect(await triptick.ended()).toBe(2)
  for (const name of ['DATABASE_URL', 'TRIPTICK_MASTER_KEY', 'TRIPTICK_JWT_SECRET']) {
    expect(triptick.output()).toContain(`${name}: is needed with --role`)
  }
})

test('a single role runs in its own process on the database it is given, and stops on SIGTERM', async () => {
  const database = await createTestDatabase()
  const triptick = scene.start(['start', '--role', 'api,projections'], {
    DATABASE_URL: database.url,
    ...SHARED,
  })
  const address = await triptick.ready()
  expect(await (await fetch(address)).json()).toMatchObject({ pid: triptick.process.pid })
  triptick.process.kill('SIGTERM')
  expect(await triptick.ended()).toBe(0)
  expect(scene.journal().slice(-2)).toEqual(['api down', 'projections down'])
  await database.drop()
})

test('a role that finds its port taken says so', async () => {
  const database = await createTestDatabase()
  const port = await freePort()
  const other: Server = createServer()
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve))
  const env = { DATABASE_URL: database.url, PORT: String(port), ...SHARED }
  const triptick = scene.start(['start', '--role', 'api'], env)
  expect(await triptick.ended()).toBe(1)
  expect(triptick.output()).toContain(`something else already listens on port ${port}`)
  other.close()
  await database.drop()
})

test('with DATABASE_URL no Postgres of our own is started', async () => {
  const database = await createTestDatabase()
  const triptick = scene.start(['start'], { DATABASE_URL: database.url })
  await triptick.ready()
  expect(existsSync(`${scene.data}/postgres`)).toBe(false)
  triptick.process.kill('SIGTERM')
  expect(await triptick.ended()).toBe(0)
  await database.drop()
})

test('an unknown command or option is wrong usage', async () => {
  expect(await scene.start(['strat']).ended()).toBe(2)
  expect(await scene.start(['start', '--role', 'apy']).ended()).toBe(2)
  expect(await scene.start(['--help']).ended()).toBe(0)
})

test('help for a command that does not exist says so', async () => {
  const unknown = scene.start(['help', 'strat'])
  expect(await unknown.ended()).toBe(2)
  expect(unknown.output()).toContain("unknown command 'strat'")
  const known = scene.start(['help', 'start'])
  expect(await known.ended()).toBe(0)
  expect(known.output()).toContain('Usage: triptick start')
})
