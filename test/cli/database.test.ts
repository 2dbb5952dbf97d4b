import { existsSync } from 'node:fs'
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

test('a command works on the database of the Triptick that runs; once it has stopped, it brings the database up for itself', async () => {
  const reading = readConfig({ TRIPTICK_DATA: scene.data })
  if (!reading.ok) throw new Error('wrong settings')
  const started = scene.start()
  const address = await started.ready()
  const beside = await openDatabase(reading.config, log)
  expect(beside.address).toBe(address)
  await beside.close()
  expect((await fetch(address)).ok).toBe(true)

  started.ctrlC()
  expect(await started.ended()).toBe(0)
  const alone = await openDatabase(reading.config, log)
  expect(alone.address).toBeUndefined()
  await alone.close()
})

test('in a folder where there is none it says so, and makes nothing', async () => {
  const reading = readConfig({ TRIPTICK_DATA: scene.data })
  if (!reading.ok) throw new Error('wrong settings')
  await expect(openDatabase(reading.config, log)).rejects.toThrow(/there is no Triptick in the data folder/)
  expect(existsSync(scene.data)).toBe(false)
})
