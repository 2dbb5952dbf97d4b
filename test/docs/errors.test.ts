/** `docs/errors.md` says what the catalogue, the close codes and the limits say; nothing more, nothing less. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CLOSE_CODES, ERRORS } from '../../protocol/errors.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { packageRoot } from '../../runtime/package-root.ts'
import { code, readDoc, table } from './markdown.ts'

const page = readDoc('errors.md')
const codes = table(page, 'code')
const closeCodes = table(page, 'close code')
const NOT_YET = 'Not sent by this version.'

/** All that the server may say: what the routes and the gateway answer, and what the rules of the domain reject. */
const server = ['api', 'domain']
  .flatMap((folder) =>
    readdirSync(join(packageRoot, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.name.endsWith('.ts'))
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8')),
  )
  .join('\n')

test('every error code has its status, whether it is worth a retry, its title and advice', () => {
  const said = codes.map(([name, status, retryable, title]) => [code(name), status, retryable, title])
  const meant = Object.entries(ERRORS).map(([name, { status, retryable, title }]) => [
    name,
    String(status),
    retryable ? 'yes' : 'no',
    title,
  ])
  expect(said).toEqual(meant)
  expect(codes.filter(([, , , , advice]) => !advice).map(([name]) => name)).toEqual([])
})

test('a code is said to be not sent yet exactly as long as no part of the server sends it', () => {
  const unsent = Object.keys(ERRORS).filter((name) => !server.includes(`'${name}'`))
  expect(codes.filter(([, , , , advice]) => advice?.includes(NOT_YET)).map(([name]) => code(name))).toEqual(
    unsent,
  )
})

test('every close code has its number, its meaning and advice', () => {
  const said = closeCodes.map(([number, name]) => [code(name), Number(number)])
  expect(said).toEqual(Object.entries(CLOSE_CODES))
  expect(closeCodes.filter(([, , meaning, advice]) => !meaning || !advice)).toEqual([])
})

test('a close code is said to be not sent yet exactly as long as no part of the server sends it', () => {
  // 1009 is sent by the WebSocket library.
  const sent = (name: string) => name === 'tooLarge' || server.includes(`CLOSE_CODES.${name}`)
  expect(
    closeCodes.filter(([, , , advice]) => advice?.includes(NOT_YET)).map(([, name]) => code(name)),
  ).toEqual(Object.keys(CLOSE_CODES).filter((name) => !sent(name)))
})

test('the gateway closes sockets with codes of the catalogue only', () => {
  expect(server.match(/\.close\(\s*\d+/g) ?? []).toEqual([])
})

test('every limit has its value, and what happens beyond it', () => {
  const rows = table(page, 'limit')
  expect(rows.map(([name, value]) => [code(name), Number(value)])).toEqual(Object.entries(LIMITS))
  const consequence = /`(\w+)`|close (\d+)/
  const harmless = 'the rest comes on the next page'
  for (const [name, , , beyond] of rows) {
    if (beyond === harmless) continue
    const [, error, close] = consequence.exec(beyond ?? '') ?? []
    const known =
      error === undefined ? Object.values<number>(CLOSE_CODES).includes(Number(close)) : error in ERRORS
    expect(known, `${name}: ${beyond}`).toBe(true)
  }
})
