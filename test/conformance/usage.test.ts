import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { beforeAll, expect, test } from 'vitest'
import { check } from '../../cli/conformance/check.ts'
import { AREAS } from '../../cli/conformance/checks.ts'
import { type Result, runChecks } from '../../cli/conformance/run.ts'
import { tokensFromSecret } from '../../cli/conformance/tokens.ts'
import { run } from '../e2e/program.ts'
import { buildProgram } from '../support/built-program.ts'

beforeAll(buildProgram)

async function conformance(...args: readonly string[]) {
  const program = run(['conformance', ...args], { cwd: tmpdir() })
  return { exit: await program.ended, output: program.output() }
}

test('every promise stands in the suite once', () => {
  const promises = AREAS.flatMap(({ checks }) => checks.map(({ promise }) => promise))
  expect(new Set(promises).size).toBe(promises.length)
})

test('a wrong use is named before anything is asked', async () => {
  const nowhere = 'ws://127.0.0.1:1'
  const unknown = await conformance('--url', nowhere, '--only', 'telepathy')
  expect(unknown).toMatchObject({
    exit: 2,
    output: expect.stringContaining('there is no check with "telepathy"'),
  })
  expect(await conformance('--url', 'triptick')).toMatchObject({ exit: 2 })
  expect(await conformance('--url', `${nowhere}/chat`)).toMatchObject({
    exit: 2,
    output: expect.stringContaining('give http://127.0.0.1:1,'),
  })
  expect(await conformance('--timeout', '0')).toMatchObject({ exit: 2 })
})

test('a system that is not there is named', async () => {
  const { exit, output } = await conformance('--url', 'ws://127.0.0.1:1')
  expect(exit).toBe(1)
  expect(output).toContain('nothing answers at http://127.0.0.1:1')
})

test('… and one that hangs up at once', async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { exit, output } = await conformance('--url', url)
    expect(exit).toBe(1)
    expect(output).toContain(`nothing answers at ${url}`)
  } finally {
    server.close()
  }
})

test('once it is interrupted it begins no check, and tells nothing of those that were under way', async () => {
  const interrupt = new AbortController()
  const begun: number[] = []
  const told: Result[] = []
  const checks = Array.from({ length: 20 }, (_, i) =>
    check(`promise ${i}`, async () => {
      begun.push(i)
      if (i === 3) interrupt.abort()
      if (i > 0) await new Promise((_, reject) => setTimeout(reject, 10, new Error('it went down')))
    }),
  )
  const options = { tokens: tokensFromSecret('x'.repeat(32)), urls: ['http://127.0.0.1:1'], patienceMs: 1 }
  await runChecks([{ area: 'a', checks }], options, (result) => told.push(result), interrupt.signal)
  expect(begun.length).toBeLessThan(10)
  expect(told.every(({ outcome }) => outcome === 'kept')).toBe(true)
})

test('Ctrl-C ends it with 130 and no broken promise', async () => {
  let asked = 0
  const server = createServer((socket) => {
    socket.on('error', () => {})
    // Somebody answers, and then nothing comes any more.
    if (asked++ === 0) socket.once('data', () => socket.end('HTTP/1.1 404 Not Found\r\n\r\n'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const program = run(['conformance', '--url', url, '--secret', 'x'.repeat(32)], { cwd: tmpdir() })
    await expect.poll(() => asked).toBeGreaterThan(1)
    program.signal('SIGINT')
    expect(await program.ended).toBe(130)
    const { host } = new URL(url)
    expect(program.output()).toBe(`on ${host}\ninterrupted: what was not told of is not checked\n`)
  } finally {
    server.close()
  }
})
