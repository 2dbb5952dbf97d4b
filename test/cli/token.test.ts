import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jwtVerify } from 'jose'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { buildProgram } from '../support/built-program.ts'
import { createScene, type Scene } from './started.ts'

let scene: Scene
beforeAll(buildProgram)
beforeEach(async () => {
  scene = await createScene()
})
afterEach(() => scene.end())

async function run(...args: string[]): Promise<{ code: number | string; output: string }> {
  const started = scene.start(['token', ...args])
  return { code: await started.ended(), output: started.output().trim() }
}
const seconds = () => Math.floor(Date.now() / 1000)
const SECRET = 's'.repeat(40)
/** What a first start leaves. */
function keepSecret(): void {
  mkdirSync(scene.data)
  writeFileSync(join(scene.data, 'jwt-secret'), `${SECRET}\n`)
}

test('a token is good for the server of this data folder', async () => {
  keepSecret()
  const before = seconds()
  const { code, output } = await run('alice', '--roles', 'support,analyst', '--name', 'Alice', '--ttl', '15m')
  const after = seconds()
  expect(code).toBe(0)
  const { payload } = await jwtVerify(output, Buffer.from(SECRET), { algorithms: ['HS256'] })
  expect(payload).toMatchObject({ sub: 'alice', roles: ['support', 'analyst'], name: 'Alice' })
  expect(payload.exp).toBeGreaterThanOrEqual(before + 900)
  expect(payload.exp).toBeLessThanOrEqual(after + 900)
})

test('in a folder where there is no Triptick it says so, and makes nothing', async () => {
  const { code, output } = await run('alice')
  expect(code).toBe(1)
  expect(output).toContain(`there is no Triptick in the data folder ${scene.data}`)
  expect(output).toContain('TRIPTICK_DATA')
  expect(existsSync(scene.data)).toBe(false)
})

test('a name that no server would take makes no token', async () => {
  for (const name of ['', 'x'.repeat(257)]) {
    const { code, output } = await run('alice', '--name', name)
    expect(code).toBe(2)
    expect(output).toMatch(/1 to 256 characters/)
  }
})

test('--json says when it expires', async () => {
  keepSecret()
  const { output } = await run('bob', '--json')
  expect(JSON.parse(output)).toEqual({
    user: 'bob',
    token: expect.any(String),
    expiresAt: expect.stringMatching(/Z$/),
  })
})

test('users, roles and durations that the server would not understand are wrong usage', async () => {
  for (const args of [['not a user'], ['bob', '--roles', 'king'], ['bob', '--ttl', 'soon'], []]) {
    expect((await run(...args)).code).toBe(2)
  }
})
