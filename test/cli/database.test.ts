import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { openDatabase } from '../../cli/database.ts'
import { readConfig } from '../../runtime/config.ts'
import { createLogger } from '../../runtime/logging.ts'
import { buildProgram } from '../support/built-program.ts'
import { createScene, type Scene } from './started.ts'

const log = createLogger({ level: 'silent', process: 'test' })
let scene: Scene
beforeAll(buildProgram)
beforeEach(async () => {
  scene = await createScene()
})
afterEach(() => scene.end())

test('a command works on the database of the Triptick that runs; without one it brings the database up for itself', async () => {
  const reading = readConfig({ TRIPTICK_DATA: scene.data })
  if (!reading.ok) throw new Error('wrong settings')
  const alone = await openDatabase(reading.config, log)
  expect(alone.address).toBeUndefined()
  await alone.close()

  const address = await scene.start().ready()
  const beside = await openDatabase(reading.config, log)
  expect(beside.address).toBe(address)
  await beside.close()
  expect((await fetch(address)).ok).toBe(true)
})
