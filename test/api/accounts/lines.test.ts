import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createLines } from '../../../api/accounts/lines.ts'

const OVERLOADED = { code: 'overloaded', retryAfterMs: 1000 }

test('those of one network have their turn one after another, in order, and each network has a line of its own', async () => {
  const inLine = createLines(60_000)
  const began: string[] = []
  const work = (name: string) => async () => {
    began.push(name)
    await sleep(5)
    return name
  }
  const all = ['a1', 'a2', 'b1', 'a3'].map((name) => inLine(name.charAt(0), work(name)))
  expect(began).toEqual(['a1', 'b1'])
  expect(await Promise.all(all)).toEqual(['a1', 'a2', 'b1', 'a3'])
  expect(began).toEqual(['a1', 'b1', 'a2', 'a3'])
})

test('one that fails fails alone', async () => {
  const inLine = createLines(60_000)
  const failing = inLine('a', () => Promise.reject(new Error('wrong')))
  const next = inLine('a', async () => 'right')
  await expect(failing).rejects.toThrow('wrong')
  expect(await next).toBe('right')
})

test('of more than fifty that wait in one line those beyond are told to come back; others are not concerned', async () => {
  const inLine = createLines(60_000)
  let finish = () => {}
  const first = inLine('a', () => new Promise<void>((resolve) => (finish = resolve)))
  const waiting = Array.from({ length: 50 }, () => inLine('a', async () => 'waited'))
  await expect(inLine('a', async () => {})).rejects.toMatchObject(OVERLOADED)
  expect(await inLine('b', async () => 'at once')).toBe('at once')
  finish()
  await first
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['waited']))
})

test('whose turn comes too late is told to come back instead of being worked for', async () => {
  const inLine = createLines(20)
  const slow = inLine('a', () => sleep(40))
  const late = inLine('a', async () => 'worked for')
  await expect(late).rejects.toMatchObject(OVERLOADED)
  await slow
  expect(await inLine('a', async () => 'in time')).toBe('in time')
})
