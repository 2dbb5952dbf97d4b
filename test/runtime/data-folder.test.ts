import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { holdDataFolder, makeDataFolder, readRunning } from '../../runtime/data-folder.ts'
import { identify } from '../../runtime/process-identity.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'triptick-folder-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const us = () => identify(process.pid) ?? { pid: 0, started: '' }
const left = (text: object | string) =>
  writeFileSync(join(folder, 'running.json'), typeof text === 'string' ? text : JSON.stringify(text))

test('a folder is made with those above it; what cannot be made is named, and waited for by nobody', () => {
  const deep = join(folder, 'a', 'b', 'c')
  makeDataFolder(deep)
  makeDataFolder(deep)
  expect(statSync(deep).isDirectory()).toBe(true)
  writeFileSync(join(folder, 'file'), '')
  // The last on Linux: there `recursive` of Node 20 takes a processor for ever.
  for (const impossible of [join(folder, 'file'), join(folder, 'file', 'below'), '/proc/triptick/below']) {
    expect(() => makeDataFolder(impossible)).toThrow(`the data folder ${impossible} can't be created`)
  }
})

test('one Triptick at a time holds a folder; released, the next one may', () => {
  const held = holdDataFolder(folder)
  expect(() => holdDataFolder(folder)).toThrow('another Triptick is running on the data folder')
  held.release()
  holdDataFolder(folder).release()
})

test('the one that runs tells where it can be reached', () => {
  const held = holdDataFolder(folder)
  held.publish({ children: [], address: 'http://127.0.0.1:1', databaseUrl: 'postgres://x' })
  expect(readRunning(folder)).toMatchObject({ pid: process.pid, address: 'http://127.0.0.1:1' })
  held.release()
  expect(readRunning(folder)).toBeUndefined()
})

test('on a full disk it is not taken, or what was said before stands; nothing is left of the try', () => {
  const fill = () => symlinkSync('/dev/full', join(folder, `running.json.${process.pid}`))
  fill()
  expect(() => holdDataFolder(folder)).toThrow(/can't be written: ENOSPC/)
  expect(readdirSync(folder)).toEqual([])

  const held = holdDataFolder(folder)
  held.publish({ children: [], address: 'http://127.0.0.1:1' })
  fill()
  expect(() => held.publish({ children: [], address: 'http://127.0.0.1:2' })).toThrow('ENOSPC')
  expect(readRunning(folder)).toMatchObject({ address: 'http://127.0.0.1:1' })
  held.publish({ children: [], address: 'http://127.0.0.1:3' })
  expect(readRunning(folder)).toMatchObject({ address: 'http://127.0.0.1:3' })
  held.release()
  held.publish({ children: [], address: 'http://127.0.0.1:4' })
  expect(readdirSync(folder)).toEqual([])
})

test('a folder whose Triptick was killed is free, and its living children are reported', () => {
  left({ pid: 2 ** 22 + 1, started: 'then', children: [us(), { pid: 2 ** 22 + 2, started: 'then' }] })
  expect(holdDataFolder(folder).leftovers).toEqual([us()])
})

test('a pid that has been given to another process since does not hold the folder', () => {
  left({ ...us(), started: 'at another time', children: [] })
  holdDataFolder(folder)
})

test('an unreadable note holds nothing', () => {
  left('{"pid": 12')
  holdDataFolder(folder)
})
