import { resolve } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { readConfig } from '../../runtime/config.ts'
import { SETTINGS, type Setting } from '../../runtime/settings.ts'

afterEach(() => vi.restoreAllMocks())

const problemsOf = (env: Record<string, string>) => {
  const reading = readConfig(env)
  return reading.ok ? [] : reading.problems
}

test('nothing needs to be set', () => {
  const reading = readConfig({})
  expect(reading).toMatchObject({
    ok: true,
    config: {
      port: 8080,
      host: '127.0.0.1',
      dataFolder: resolve('.triptick'),
      deliveryGraceMs: 2000,
      logLevel: 'info',
    },
  })
  expect(reading.ok && reading.config.databaseUrl).toBeUndefined()
})

test('an empty variable is an absent one', () => {
  expect(readConfig({ REDIS_URL: '', PORT: '' })).toMatchObject({ ok: true, config: { port: 8080 } })
})

test('all problems are named at once, each with its setting and what to do', () => {
  const problems = problemsOf({ PORT: '70000', LEDGER_URL: 'http://x', TRIPTICK_NODE: 'with blank' })
  expect(problems.map(({ setting }) => setting).sort()).toEqual(['LEDGER_URL', 'PORT', 'TRIPTICK_NODE'])
  for (const { problem, fix } of problems) {
    expect(problem).toContain('must be')
    expect(fix).toContain('unset')
  }
})

test('the value of a secret is never repeated', () => {
  const [problem] = problemsOf({ TRIPTICK_JWT_SECRET: 'hunter2' })
  expect(problem).toMatchObject({ setting: 'TRIPTICK_JWT_SECRET' })
  expect(JSON.stringify(problem)).not.toContain('hunter2')
})

test.each([
  ['DATABASE_URL', 'postgres://admin:hunter2@h:x/chat'],
  ['LEDGER_URL', 'esdb://admin:hunter2@h:1?tls=false&foo=bar'],
  ['LEDGER_URL', 'esdb://admin:hunter2@h:x'],
  ['REDIS_URL', 'redis://admin:hunter2@h:x'],
])('… nor that of a wrong URL in %s, by anybody', (name, value) => {
  const said = (['warn', 'error', 'log'] as const).map((how) => vi.spyOn(console, how))
  expect(problemsOf({ [name]: value })).toMatchObject([{ setting: name }])
  expect(JSON.stringify(problemsOf({ [name]: value }))).not.toContain('hunter2')
  for (const one of said) expect(one).not.toHaveBeenCalled()
})

test('a misspelt setting is refused, with the one that was probably meant', () => {
  expect(problemsOf({ TRIPTICK_JWT_SECRE: 'x' })).toMatchObject([
    { setting: 'TRIPTICK_JWT_SECRE', fix: expect.stringContaining('TRIPTICK_JWT_SECRET') },
  ])
})

test('other programs may have variables of their own', () => {
  expect(readConfig({ HOME: '/', npm_config_cache: 'x', PGHOST: 'x' }).ok).toBe(true)
})

test('two processes of one machine have different names', () => {
  const nameOf = () => {
    const reading = readConfig({})
    return reading.ok ? reading.config.node : ''
  }
  expect(nameOf()).toMatch(/^[\w.-]{1,64}$/)
  expect(nameOf()).not.toBe(nameOf())
})

test.each([
  ['DATABASE_URL', 'postgres://user:pw@db.example:5432/chat'],
  ['DATABASE_URL', 'postgresql://user:pw@%2Frun%2Fpostgresql:5432/chat'],
  ['DATABASE_URL', 'postgres://user@/chat?host=/run/postgresql'],
  ['LEDGER_URL', 'esdb://admin:changeit@localhost:2113?tls=false'],
  ['LEDGER_URL', 'esdb+discover://a:2113,b:2113?tls=true'],
  ['REDIS_URL', 'rediss://cache:6380/1'],
  ['TRIPTICK_JWKS_URL', 'https://id.example/.well-known/jwks.json'],
])('%s takes %s', (name, value) => {
  expect(problemsOf({ [name]: value })).toEqual([])
})

test('every setting says what it means and stands in the table once', () => {
  const entries = Object.values<Setting>(SETTINGS)
  expect(new Set(entries.map(({ env }) => env)).size).toBe(entries.length)
  for (const { meaning, expected } of entries) {
    expect(meaning.endsWith('.')).toBe(true)
    expect(expected).not.toBe('')
  }
})
