/** `triptick start` as a newcomer runs it: no settings but a free port, a fresh folder, everything embedded. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { getPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isAlive } from '../../runtime/process-identity.ts'
import { buildProgram } from '../support/built-program.ts'
import { freePort } from '../support/free-port.ts'
import { createCaller } from './http.ts'
import { createPerson, type Person } from './person.ts'
import { familyOf, type Program, run } from './program.ts'
import { until } from './until.ts'

let folder: string
let port: string
let url: string
let triptick: Program

beforeAll(async () => {
  await buildProgram()
  folder = mkdtempSync(join(tmpdir(), 'triptick-one-'))
  // Postgres runs as another user when the tests run as root, and must get through.
  chmodSync(folder, 0o711)
  port = String(await freePort())
})
afterAll(async () => {
  triptick?.signal('SIGTERM')
  await triptick?.ended
  await until('Postgres is down', () => !isAlive(postmaster()))
  rmSync(folder, { recursive: true, force: true })
})

const data = () => join(folder, 'data')

function postmaster(): number {
  const file = join(data(), 'postgres', 'cluster', 'postmaster.pid')
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : 0
}

/** @returns milliseconds until ready. */
async function start(): Promise<number> {
  const since = performance.now()
  triptick = run(['start'], { env: { PORT: port, TRIPTICK_DATA: data() }, cwd: folder })
  url = await triptick.ready()
  return Math.round(performance.now() - since)
}

/** With the secret that was generated. */
function tokenFor(userId: string): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setExpirationTime('1h')
    .sign(readFileSync(join(data(), 'jwt-secret')).subarray(0, -1))
}

const person = (userId: string, eager = true): Person => createPerson({ userId, tokenFor, eager })
const caller = () => createCaller(url, tokenFor)

test('a fresh folder becomes a system on which two people see all three lives of a message', async () => {
  console.log(`ready after ${await start()} ms, in a fresh folder`)
  const [ada, ben] = [person('ada'), person('ben', false)]
  await Promise.all([ada.come([url]), ben.come([url])])
  const id = await caller().begin('ada', 'direct', ['ben'])
  const { answer } = await ada.say(id, 'hello')
  expect(answer).toMatchObject({ t: 'sent', seq: 1 })
  await until('✓✓', () => ada.watermarks(id, 'ben').delivered === 1)
  expect(ada.watermarks(id, 'ben').read).toBe(0)
  ben.read(id)
  await until('blue', () => ada.watermarks(id, 'ben').read === 1)
  expect([...ada.problems, ...ben.problems]).toEqual([])
  await Promise.all([ada.leave(), ben.leave()])
})

/** Of `sched_setscheduler(2)`. */
const SCHED_BATCH = 3

/** proc(5), `/proc/<pid>/stat`, counted from `state`. */
const FIELD = { nice: 16, policy: 38 }

function scheduled(pid: number, field: keyof typeof FIELD): number {
  // "pid (command) state …": the command may hold blanks and brackets, so count from the last bracket.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return Number(fields[FIELD[field]])
}

/** The weight of a process: of its `nice`, and of its session among others, which not every kernel has. */
function weight(pid: number): string {
  const file = `/proc/${pid}/autogroup`
  const session = existsSync(file)
    ? readFileSync(file, 'utf8')
        .replace(/^.* nice /, '')
        .trim()
    : 'none'
  return `nice ${scheduled(pid, 'nice')}, session ${session}`
}

test.runIf(process.platform === 'linux')(
  'all its processes are scheduled as batch, Postgres too',
  async () => {
    expect(familyOf(triptick.pid)).toContain(postmaster())
    // A backend that ends meanwhile has no policy any more.
    await expect
      .poll(() => new Set(familyOf(triptick.pid).map((pid) => scheduled(pid, 'policy'))))
      .toEqual(new Set([SCHED_BATCH]))
  },
)

test.runIf(process.platform === 'linux')(
  'what no send waits for weighs less: read models and search, with their connections to Postgres',
  async () => {
    const { databaseUrl, children } = JSON.parse(readFileSync(join(data(), 'running.json'), 'utf8'))
    const [api, background] = children as { pid: number }[]
    /** Of all that have a name. */
    async function weights(): Promise<Record<string, Set<string>>> {
      const client = new pg.Client({ connectionString: databaseUrl })
      await client.connect()
      const { rows } = await client.query(
        `SELECT pid, application_name AS name FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
      )
      await client.end()
      const processes = [
        { name: 'api', ...api },
        { name: 'background', ...background },
        { name: 'supervisor', pid: triptick.pid },
        { name: 'postmaster', pid: postmaster() },
        ...rows,
      ] as { name: string; pid: number }[]
      const found: Record<string, Set<string>> = {}
      for (const { name, pid } of processes) found[name] = new Set([...(found[name] ?? []), weight(pid)])
      return found
    }
    const usual = new Set([weight(triptick.pid)])
    const session = existsSync('/proc/self/autogroup') ? 10 : 'none'
    const less = new Set([`nice ${getPriority() + 10}, session ${session}`])
    await expect.poll(weights, { timeout: 10_000 }).toMatchObject({
      background: less,
      'triptick read lane 0': less,
      'triptick search owner': less,
      'triptick projections': less,
      postmaster: usual,
      api: usual,
      'triptick-api': usual,
      // It has a lock that all who append wait for; so have those of the workers, for moments.
      'triptick ledger writer': usual,
      'triptick-workers': usual,
    })
  },
)

test('Ctrl-C ends it with every process it has started; the next start has the history', async () => {
  const family = familyOf(triptick.pid)
  // The supervisor, its two children and Postgres with its own.
  expect(family.length).toBeGreaterThan(5)
  triptick.ctrlC()
  expect(await triptick.ended).toBe(0)
  expect(family.filter(isAlive)).toEqual([])

  console.log(`ready after ${await start()} ms, with a past`)
  const ben = person('ben')
  await ben.come([url])
  const [conversation] = (await caller().call('ben', 'GET', '/v1/inbox')).conversations
  const history = await caller().history('ben', conversation.conversationId)
  expect(history).toMatchObject([{ seq: 1, senderId: 'ada', body: { kind: 'text', text: 'hello' } }])
  await ben.leave()
})

const COUNT = 600

test('when everything is killed at once in the middle of sends, each that was answered is there once', async () => {
  const [cleo, dan] = [person('cleo'), person('dan')]
  const id = await caller().begin('cleo', 'direct', ['dan'])
  await Promise.all([cleo.come([url]), dan.come([url])])
  const sending = Promise.all(
    Array.from({ length: 10 }, async (_, writer) => {
      for (let n = 0; n < COUNT / 10; n++) await cleo.say(id, `message ${n} of ${writer}`)
    }),
  )
  await until('a part is answered', () => cleo.sent.length > COUNT / 10)
  // As when the power goes: Postgres too, and all in the same moment.
  for (const pid of familyOf(triptick.pid)) process.kill(pid, 'SIGKILL')
  const answered = cleo.sent.map(({ answer }) => [answer.seq, answer.messageId])
  expect(answered.length).toBeLessThan(COUNT)
  await triptick.ended

  console.log(`ready after ${await start()} ms, recovering`)
  // Both come back by themselves, and cleo sends the rest again.
  await sending
  await until('dan has all', () => dan.received(id).length === COUNT)
  const history = (await caller().history('dan', id)).map(({ seq, messageId }) => [seq, messageId])
  expect(history).toEqual(expect.arrayContaining(answered))
  expect(history.map(([seq]) => seq)).toEqual(Array.from({ length: COUNT }, (_, index) => index + 1))
  expect(new Set(history.map(([, messageId]) => messageId)).size).toBe(COUNT)
  expect(dan.received(id).map(({ seq }) => seq)).toEqual(history.map(([seq]) => seq))
  expect([...cleo.problems, ...dan.problems]).toEqual([])
  await Promise.all([cleo.leave(), dan.leave()])
})
