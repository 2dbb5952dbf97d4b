import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { canReach, userForPostgres } from '../../../runtime/embedded-postgres/system-user.ts'

const root = { uid: 0, gid: 0, name: 'root' }
const nobody = { uid: 65_534, gid: 65_534, name: 'nobody' }
const postgres = { uid: 101, gid: 104, name: 'postgres' }
const missing = '/nonexistent/cluster'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'triptick-user-'))
  chmodSync(folder, 0o711)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('an ordinary user runs Postgres as themselves', () => {
  expect(userForPostgres(missing, 1000, [root, nobody])).toBeUndefined()
})

test('root hands Postgres to the user named for it, else to nobody', () => {
  expect(userForPostgres(missing, 0, [root, nobody, postgres])).toEqual(postgres)
  expect(userForPostgres(missing, 0, [root, nobody])).toEqual(nobody)
})

test('root alone on a system is told what to do', () => {
  expect(() => userForPostgres(missing, 0, [root])).toThrow('create a system user')
})

test.runIf(process.getuid?.() === 0)('a database stays with its owner', () => {
  const cluster = join(folder, 'cluster')
  mkdirSync(cluster)
  chownSync(cluster, nobody.uid, nobody.gid)
  expect(userForPostgres(cluster, 0, [root, nobody, postgres])).toEqual(nobody)
  expect(userForPostgres(cluster, nobody.uid, [root, nobody])).toBeUndefined()
  expect(() => userForPostgres(cluster, 1000, [root, nobody])).toThrow('belongs to the system user nobody')
})

test('one closed folder on the way is enough to make a place unreachable', () => {
  const stranger = { uid: 54_321, gid: 54_321, name: 'stranger' }
  const inner = join(folder, 'a', 'b')
  mkdirSync(inner, { recursive: true, mode: 0o755 })
  expect(canReach(inner, stranger)).toBe(true)
  chmodSync(join(folder, 'a'), 0o700)
  expect(canReach(inner, stranger)).toBe(false)
})
