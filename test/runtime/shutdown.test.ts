import { expect, test } from 'vitest'
import { createLogger } from '../../runtime/logging.ts'
import { stopInOrder } from '../../runtime/shutdown.ts'

const log = createLogger({ level: 'silent', process: 'test' })

test('steps run one after another, and one that fails does not keep the next from its turn', async () => {
  const ran: string[] = []
  const steps = ['sockets', 'broken', 'database'].map((name) => ({
    name,
    async stop() {
      await new Promise((resolve) => setTimeout(resolve, 5))
      ran.push(name)
      if (name === 'broken') throw new Error('no')
    },
  }))
  expect(await stopInOrder(steps, 60_000, log)).toBe(true)
  expect(ran).toEqual(['sockets', 'broken', 'database'])
})

test('a step that never ends is not waited for longer than the limit', async () => {
  const never = { name: 'never', stop: () => new Promise<void>(() => {}) }
  expect(await stopInOrder([never], 20, log)).toBe(false)
})
