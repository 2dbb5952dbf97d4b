import { spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findPackage } from '../../../runtime/embedded-postgres/binaries.ts'
import { startEmbeddedPostgres } from '../../../runtime/embedded-postgres/embedded-postgres.ts'
import { findHome } from '../../../runtime/embedded-postgres/home.ts'
import { canReach } from '../../../runtime/embedded-postgres/system-user.ts'
import { createLogger } from '../../../runtime/logging.ts'
import { buildProgram } from '../../support/built-program.ts'

let folder: string
const said: string[] = []
const log = createLogger({ level: 'info', process: 'test', to: { write: (line) => said.push(line) } })
const isRoot = process.getuid?.() === 0

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'triptick-places-'))
  chmodSync(folder, 0o711)
  said.length = 0
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function roundTrip(data: string, places = {}): Promise<string> {
  const postgres = await startEmbeddedPostgres(data, log, places)
  const client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
  await client.query('CREATE TABLE IF NOT EXISTS visits (at timestamptz)')
  await client.query('INSERT INTO visits VALUES (now())')
  const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM visits')
  await client.end()
  await postgres.stop()
  return rows[0]?.count ?? ''
}

/** As `/root`: only its owner may enter. */
function closedFolder(name: string): string {
  const path = join(folder, name)
  mkdirSync(path, { mode: 0o700 })
  return path
}

test('what was stored is there at the next start', async () => {
  mkdirSync(join(folder, 'data'))
  expect(await roundTrip(join(folder, 'data'))).toBe('1')
  expect(await roundTrip(join(folder, 'data'))).toBe('2')
})

test.runIf(process.platform === 'linux')(
  'without huge pages it says how many would hold its buffers',
  async () => {
    const data = join(folder, 'data')
    mkdirSync(data)
    const to = { write: (line: string) => said.push(line) }
    const postgres = await startEmbeddedPostgres(data, createLogger({ level: 'debug', process: 'test', to }))
    const client = new pg.Client({ connectionString: postgres.url })
    await client.connect()
    const { rows } = await client.query<{ status: string; wanted: string }>(
      "SELECT current_setting('huge_pages_status') AS status, current_setting('shared_memory_size_in_huge_pages') AS wanted",
    )
    await client.end()
    await postgres.stop()
    const advice = said.filter((line) => line.includes(`vm.nr_hugepages=${rows[0]?.wanted}\``))
    expect(advice).toHaveLength(rows[0]?.status === 'on' ? 0 : 1)
  },
)

test('nobody gets in without the password, which only its owner can read', async () => {
  const data = join(folder, 'data')
  mkdirSync(data)
  const postgres = await startEmbeddedPostgres(data, log)
  expect(statSync(join(data, 'postgres', 'password')).mode & 0o777).toBe(0o600)
  for (const host of ['127.0.0.1', join(postgres.home, 'socket')]) {
    const { port } = new URL(postgres.url)
    const client = new pg.Client({
      host,
      port: Number(port),
      user: 'triptick',
      password: 'guess',
      database: 'triptick',
    })
    await expect(client.connect()).rejects.toThrow('password authentication failed')
  }
  await postgres.stop()
})

test('without the links of its install script the package works all the same', async () => {
  const native = join(folder, 'package', 'native')
  cpSync(join(findPackage(), '..', 'package.json'), join(folder, 'package', 'package.json'))
  cpSync(findPackage(), native, { recursive: true, filter: (path) => !lstatSync(path).isSymbolicLink() })
  mkdirSync(join(folder, 'data'))
  expect(await roundTrip(join(folder, 'data'), { native })).toBe('1')
}, 60_000)

describe.runIf(isRoot)('as root', () => {
  test('a database under a folder that is closed to others moves out, says so, and is found again', async () => {
    const data = join(closedFolder('root'), '.triptick')
    mkdirSync(data)
    const elsewhere = join(folder, 'elsewhere')
    expect(await roundTrip(data, { elsewhere })).toBe('1')
    expect(lstatSync(join(data, 'postgres')).isSymbolicLink()).toBe(true)
    expect(realpathSync(join(data, 'postgres')).startsWith(elsewhere)).toBe(true)
    expect(said.filter((line) => line.includes('the database is kept in'))).toHaveLength(1)
    expect(await roundTrip(data, { elsewhere })).toBe('2')
  })

  test('programs under a folder that is closed to others are brought to the database', async () => {
    const native = join(closedFolder('root'), 'native')
    cpSync(join(findPackage(), '..', 'package.json'), join(folder, 'root', 'package.json'))
    cpSync(findPackage(), native, { recursive: true, verbatimSymlinks: true })
    const data = join(folder, 'root', '.triptick')
    mkdirSync(data)
    const places = { native, elsewhere: join(folder, 'elsewhere') }
    expect(await roundTrip(data, places)).toBe('1')
    expect(
      readdirSync(realpathSync(join(data, 'postgres'))).some((name) => name.startsWith('binaries-')),
    ).toBe(true)
    expect(await roundTrip(data, places)).toBe('2')
  }, 60_000)

  test('a database whose folder was closed later moves out with its data', async () => {
    const outer = join(folder, 'outer')
    mkdirSync(join(outer, '.triptick'), { recursive: true })
    expect(await roundTrip(join(outer, '.triptick'))).toBe('1')
    chmodSync(outer, 0o700)
    expect(await roundTrip(join(outer, '.triptick'), { elsewhere: join(folder, 'elsewhere') })).toBe('2')
  })

  test('a data folder that was deleted begins afresh, and its database is kept aside', () => {
    const data = join(closedFolder('root'), '.triptick')
    const elsewhere = join(folder, 'elsewhere')
    mkdirSync(data)
    const { path } = findHome(data, log, elsewhere)
    rmSync(data, { recursive: true })
    mkdirSync(data)
    expect(findHome(data, log, elsewhere).path).toBe(path)
    expect(readdirSync(elsewhere).some((name) => name.includes('.old-'))).toBe(true)
  })

  test('a copy of a data folder does not run on the database of the original', () => {
    const data = join(closedFolder('root'), '.triptick')
    const elsewhere = join(folder, 'elsewhere')
    mkdirSync(data)
    findHome(data, log, elsewhere)
    cpSync(data, `${data}-copy`, { recursive: true, verbatimSymlinks: true })
    expect(() => findHome(`${data}-copy`, log, elsewhere)).toThrow('is a copy of')
    // moved, not copied: the database goes along
    unlinkSync(join(data, 'postgres'))
    renameSync(`${data}-copy`, `${data}-moved`)
    expect(existsSync(findHome(`${data}-moved`, log, elsewhere).path)).toBe(true)
  })
})

const nobody = { uid: 65_534, gid: 65_534, name: 'nobody' }
const mayRead = isRoot && canReach(findPackage(), nobody) && canReach(realpathSync(process.execPath), nobody)

test.runIf(mayRead)('as an ordinary user it needs no help from root', async () => {
  await buildProgram()
  const home = join(folder, 'home')
  mkdirSync(home)
  chownSync(home, nobody.uid, nobody.gid)
  const program = join(import.meta.dirname, '..', '..', 'cli', 'fixtures', 'triptick.mjs')
  const child = spawn(process.execPath, [program, 'start'], {
    cwd: home,
    env: { PATH: process.env.PATH, PORT: '0', FIXTURE_JOURNAL: join(home, 'journal') },
    stdio: ['ignore', 'pipe', 'inherit'],
    ...nobody,
  })
  const code = new Promise((resolve) => child.on('exit', resolve))
  const line = await new Promise<string>((resolve) =>
    child.stdout.once('data', (text: Buffer) => resolve(String(text))),
  )
  expect(line).toMatch(/^ready http/)
  expect(statSync(join(home, '.triptick', 'postgres', 'cluster')).uid).toBe(nobody.uid)
  expect(statSync(join(home, '.triptick')).mode & 0o777).toBe(0o700)
  child.kill('SIGTERM')
  expect(await code).toBe(0)
})
