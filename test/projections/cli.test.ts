import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createProgressBar } from '../../cli/rebuild-progress.ts'
import type { Position, RecordedEvent, Revision, StreamName } from '../../ledger/ledger.ts'
import { createPostgresLedger } from '../../ledger/postgres/ledger.ts'
import { conversationOf } from '../../ledger/streams.ts'
import { buildProgram } from '../support/built-program.ts'
import { record } from './support/postgres-past.ts'
import { createProcesses, type Processes } from './support/processes.ts'
import { someTalk } from './support/talk.ts'
import { createWorld, type World } from './support/world.ts'

let world: World
let processes: Processes
const events = someTalk({ conversations: 2, turns: 20 })
const bad = events.findIndex(({ type }) => type === 'MessageSent')
const sick = conversationOf((events[bad] as RecordedEvent).stream) as string

beforeAll(async () => {
  await buildProgram()
  world = await createWorld('migrated')
  processes = createProcesses(world.url)
  await record(
    world.pool,
    events.map((event, i) => (i === bad ? { ...event, type: 'MessageSung' } : event)),
  )
})
afterAll(async () => {
  await processes.end()
  await world.end()
})
afterEach(() => world.clear())

async function project(): Promise<void> {
  const ledger = createPostgresLedger({ databaseUrl: world.url, pool: world.pool })
  await world.project(ledger)
  await ledger.close()
}

const json = (out: string): unknown[] =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

test('`parked` lists, shows, retries and skips, for people and as JSON, and its exit code tells', async () => {
  await project()
  const listed = await processes.run('parked', 'list')
  expect(listed).toMatchObject({ code: 0, err: '' })
  expect(listed.out).toContain(sick)
  expect(listed.out).toContain('MessageSung: ')
  expect(json((await processes.run('parked', 'list', '--json')).out)).toMatchObject([
    { conversationId: sick, position: String(bad + 1) },
  ])
  const shown = json((await processes.run('parked', 'show', sick, '--json')).out)
  expect(shown[0]).toMatchObject({ type: 'MessageSung', position: String(bad + 1) })

  const retried = await processes.run('parked', 'retry', sick)
  expect(retried.code).toBe(1)
  expect(retried.out).toContain('unknown type')

  expect((await processes.run('parked', 'skip', sick)).code).toBe(2)
  const skipped = await processes.run('parked', 'skip', sick, '--reason', 'a test')
  expect(skipped).toMatchObject({ code: 0, err: '' })
  expect(skipped.out).toContain(`triptick parked retry ${sick}`)
  expect(await processes.run('parked', 'retry', sick, '--json')).toMatchObject({ code: 0, err: '' })
  expect((await processes.run('parked', 'list')).out).toBe('nothing is parked\n')
  const again = await processes.run('parked', 'retry', sick)
  expect(again).toMatchObject({ code: 1, out: '' })
  expect(again.err).toContain('is not parked')
  expect(await processes.run('parked', 'show', 'xx')).toMatchObject({ code: 1, out: '' })
})

test('`rebuild` tells what it did, compares, and goes back when told to', async () => {
  await project()
  const first = await processes.run('rebuild', '--compare')
  expect(first.code).toBe(0)
  expect(first.out).toMatch(/folded 6\d events in .* s/)
  expect(first.out).toMatch(/equal {6}messages: \d+ rows/)
  expect(first.out).toContain('triptick rebuild --return')
  expect(await processes.run('rebuild', '--return')).toMatchObject({ code: 0, err: '' })

  await world.pool.query(`UPDATE read.messages SET body = NULL WHERE seq = 3`)
  const differs = await processes.run('rebuild', '--compare', '--json')
  expect(differs.code).toBe(1)
  expect(json(differs.out)).toMatchObject([{ swapped: false }])
})

test('`rebuild --compare` with nothing to compare with says so', async () => {
  const first = await processes.run('rebuild', '--compare', '--no-swap')
  expect(first.code).toBe(0)
  expect(first.out).toContain('not compared: no read models')
})

test('`rebuild` with options that contradict each other does nothing', async () => {
  for (const options of [
    ['--search', '--compare'],
    ['--return', '--compare'],
    ['--return', '--no-swap'],
    ['--search', '--return'],
  ]) {
    const answer = await processes.run('rebuild', ...options)
    expect(answer).toMatchObject({ code: 2, out: '' })
    expect(answer.err).toContain(`option '${options[0]}' cannot be used with option '${options[1]}'`)
  }
})

test('`parked` says what to do where there are no read models yet', async () => {
  const answer = await processes.run('parked', 'list')
  expect(answer).toMatchObject({ code: 1, out: '' })
  expect(answer.err).toContain('there are no read models yet')
})

test('what is parked of a person is named by their stream', async () => {
  const last = events.at(-1) as RecordedEvent
  const position = (last.position + 1n) as Position
  const stream = 'user-ann' as StreamName
  await record(world.pool, [
    { ...last, position, stream, revision: 0 as Revision, id: randomUUID(), type: 'UserSung' },
  ])
  await project()
  expect(json((await processes.run('parked', 'list', '--json')).out)).toContainEqual(
    expect.objectContaining({ conversationId: stream, position: String(position) }),
  )
  expect((await processes.run('parked', 'show', stream)).out).toContain('UserSung')
  expect((await processes.run('parked', 'retry', stream)).out).toContain('unknown type')
  expect(await processes.run('parked', 'skip', stream, '--reason', 'a test')).toMatchObject({
    code: 0,
    err: '',
  })
  expect(await processes.run('parked', 'show', stream)).toMatchObject({ code: 1 })
})

test('the progress bar is one moving line on a terminal, and a plain line now and then elsewhere', () => {
  let time = 0
  const lines: string[] = []
  const stream = (isTTY: boolean) => ({ isTTY, write: (text: string) => lines.push(text) > 0 })
  const at = (seconds: number, position: bigint, show: ReturnType<typeof createProgressBar>) => {
    time = seconds * 1000
    show.update({ events: 1_000, position: position as Position, caughtUp: false })
  }
  const terminal = createProgressBar(stream(true) as never, 10_000n as Position, () => time)
  at(1, 0n, terminal)
  at(2, 2_500n, terminal)
  terminal.end()
  expect(lines.at(-2)).toMatch(/^\r.*█{7}░{21} {2}25 % {2}1,000 events\/s {2}0:06 left$/)
  expect(lines.at(-1)).toBe('\n')

  lines.length = 0
  time = 0
  const plain = createProgressBar(stream(false) as never, 10_000n as Position, () => time)
  for (let second = 1; second <= 11; second++) at(second, BigInt(second) * 100n, plain)
  plain.end()
  expect(lines).toHaveLength(3)
  expect(lines.every((line) => line.endsWith('\n') && !line.includes('\r'))).toBe(true)

  // One that is over before the next line is due says where it ended all the same.
  for (const isTTY of [true, false]) {
    lines.length = 0
    const quick = createProgressBar(stream(isTTY) as never, 10_000n as Position, () => time)
    at(11.01, 0n, quick)
    at(11.02, 10_000n, quick)
    quick.end()
    expect(lines.join('')).toMatch(/ 100 % .*\n$/)
  }
})
