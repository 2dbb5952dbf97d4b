import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Config, readConfig } from '../../runtime/config.ts'
import { resolveConfig } from '../../runtime/secrets.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'triptick-secrets-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function configWith(env: Record<string, string>): Config {
  const reading = readConfig({ TRIPTICK_DATA: folder, ...env })
  if (!reading.ok) throw new Error('wrong settings')
  return reading.config
}

test('secrets are generated once, kept, and readable by their owner alone', () => {
  const first = resolveConfig(configWith({}), 'postgres://x')
  const second = resolveConfig(configWith({}), 'postgres://x')
  expect(Buffer.byteLength(first.jwtSecret)).toBeGreaterThanOrEqual(32)
  expect(first.masterKey).toHaveLength(32)
  expect(second.jwtSecret).toBe(first.jwtSecret)
  expect(second.masterKey).toEqual(first.masterKey)
  expect(statSync(join(folder, 'master-key')).mode & 0o777).toBe(0o600)
})

test('a secret that is set is used and not written down', () => {
  const key = Buffer.alloc(32, 7)
  const env = { TRIPTICK_MASTER_KEY: key.toString('base64'), TRIPTICK_JWT_SECRET: 's'.repeat(40) }
  const config = resolveConfig(configWith(env), 'postgres://x')
  expect(config.masterKey).toEqual(key)
  expect(config.jwtSecret).toBe('s'.repeat(40))
  expect(() => statSync(join(folder, 'master-key'))).toThrow('ENOENT')
})
