import { parseConnectionString } from '@eventstore/db-client/dist/Client/parseConnectionString.js'
import fc from 'fast-check'
import pg from 'pg'
import { afterEach, expect, test, vi } from 'vitest'
import {
  EVENTSTORE_OPTION_NAMES,
  isEventStoreUrl,
  isPostgresUrl,
  isRedisUrl,
} from '../../runtime/server-urls.ts'

afterEach(() => vi.restoreAllMocks())

test.each([
  'postgres://db',
  'postgres://user:pw@db.example:5432/chat?sslmode=verify-full',
  'postgresql://user:pw@%2Frun%2Fpostgresql:5432/chat',
  'postgres://user@/chat?host=/run/postgresql&port=5433',
  'postgres:///chat?host=/run/postgresql',
  // As users are called at some providers.
  'postgres://db/chat?user=app@server&sslmode=disable',
  'postgres://db/chat?keepalives&application_name=chat',
  'postgres://user:p%40ss%2Fword@[::1]/chat',
])('pg takes %s', (text) => {
  expect(isPostgresUrl(text)).toBe(true)
  expect(new pg.Client({ connectionString: text }).port).toBeGreaterThan(0)
})

test.each([
  'mysql://u@h/d',
  'postgres://',
  'postgres:///chat',
  'postgres://u:p@/chat',
  'postgres://u:p@h:x/chat',
  'postgres://u:p@h:65536/chat',
  'postgres://u:p@h%t/chat',
  'postgres://u:%E4@h/chat',
  'postgres://u:p@h/chat%',
  'postgres://u:p w@h/chat',
  'postgres://u:p@/chat?host=/run&port=x',
  // Passwords that are not encoded, of which pg makes the host and the port `u:12`.
  'postgres://u:12#w@h/chat',
  'postgres://u:12/w@h/chat',
  'postgres://u:12?w@h/chat',
])('no URL of a Postgres: %s', (text) => {
  expect(isPostgresUrl(text)).toBe(false)
})

test.each(['redis://h', 'rediss://cache:6380/1', 'redis://:pw@[::1]:6379/', 'redis://u:p%23w@h?family=6'])(
  'a URL of a Redis: %s',
  (text) => {
    expect(isRedisUrl(text)).toBe(true)
  },
)

test.each([
  'http://h',
  'redis:h',
  'redis://',
  'redis://:pw@',
  'redis://h:x',
  'redis://h:65536',
  'redis://h%t',
  'redis://:p%w@h',
  'redis://h/chat',
  'redis://:12#w@h',
])('no URL of a Redis: %s', (text) => {
  expect(isRedisUrl(text)).toBe(false)
})

test.each([
  'esdb://h',
  'esdb://admin:changeit@localhost:2113?tls=false',
  'esdb://admin:changeit@localhost:2113/?tls=false',
  'esdb+discover://a:2113,b:2113?tls=true&nodePreference=readOnlyReplica',
  'esdb://admin:p%40ss@es_1.example,es-2.example?tls-ca-file=/etc/ca.pem&keepAliveInterval=-1',
])('a URL of an EventStoreDB: %s', (text) => {
  expect(isEventStoreUrl(text)).toBe(true)
})

test.each([
  'http://h',
  'esdb://',
  'esdb://:',
  'esdb://admin:pw@',
  'esdb://h:x',
  'esdb://h:0',
  'esdb://h:65536',
  'esdb://h:80x',
  'esdb://h%t',
  'esdb://admin:p%w@h',
  'esdb://admin:p:w@h',
  'esdb://admin:p@w@h',
  'esdb://@h',
  // The client would look for the host `h/`.
  'esdb://h/?tls=false',
  'esdb://h?',
  'esdb://h?tls',
  'esdb://h?tls=maybe',
  'esdb://h?foo=bar',
  'esdb://h?constructor=bar',
  'esdb://h?tlsVerifyCert=false',
  'esdb://h?defaultDeadline=soon',
  'esdb://h?throw_on_append_failure=false',
  'esdb://h?tls=false&tls=true?',
])('no URL of an EventStoreDB: %s', (text) => {
  expect(isEventStoreUrl(text)).toBe(false)
})

test('whatever URL of an EventStoreDB is taken here, its client takes it too, and prints nothing', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const names = fc.constantFrom(...EVENTSTORE_OPTION_NAMES, 'foo')
  const piece = fc.constantFrom(...'abc:@/?&=,.%#[]~-_'.split(''), '12', 'h:1', 'true', '%2F', 'random', '-1')
  const rest = fc.array(fc.oneof(piece, piece, names), { maxLength: 8 }).map((pieces) => pieces.join(''))
  const option = fc.tuple(names, fc.oneof(piece, fc.string({ maxLength: 3 }))).map((pair) => pair.join('='))
  const built = fc
    .tuple(fc.constantFrom('h', 'h:1', 'u:p@h', 'u:%2F@h,g:2'), fc.constantFrom('?', '/?'), option, option)
    .map(([hosts, mark, one, two]) => `${hosts}${mark}${one}&${two}`)
  let taken = 0
  fc.assert(
    fc.property(fc.oneof(rest, built), (after) => {
      const text = `esdb://${after}`
      if (!isEventStoreUrl(text)) return
      taken++
      for (const { address, port } of parseConnectionString(text).hosts) {
        expect(address).toMatch(/^[\w.-]+$/)
        expect(port).toBeGreaterThan(0)
      }
    }),
    { numRuns: 5_000 },
  )
  expect(taken).toBeGreaterThan(200)
  expect(warn).not.toHaveBeenCalled()
})
