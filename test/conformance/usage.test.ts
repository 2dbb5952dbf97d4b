import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { beforeAll, expect, test } from 'vitest'
import { AREAS } from '../../cli/conformance/checks.ts'
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
