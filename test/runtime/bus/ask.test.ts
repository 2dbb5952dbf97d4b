import { expect, test } from 'vitest'
import { answer, createAsker } from '../../../runtime/bus/ask.ts'
import { createMemoryBus } from '../../../runtime/bus/memory.ts'
import type { Nudge } from '../../../runtime/bus/messages.ts'
import { createLogger } from '../../../runtime/logging.ts'

const log = createLogger({ level: 'silent', process: 'test' })

test('every question gets its own answer, in whatever order they come', async () => {
  const bus = createMemoryBus({ log })
  await bus.subscribe('node.a', (payload) => {
    const question = JSON.parse(payload) as Nudge & { wait: number }
    setTimeout(() => answer(bus, question, { pushed: question.wait }), question.wait)
  })
  const asker = await createAsker(bus)
  const answers = await Promise.all([40, 5, 20].map((wait) => asker.ask('node.a', { wait }, 60_000)))
  expect(answers).toMatchObject([40, 5, 20].map((pushed) => ({ kind: 'answered', answer: { pushed } })))
})

test('a node that does not answer in time is silent, and its late answer harms nobody', async () => {
  const bus = createMemoryBus({ log })
  await bus.subscribe('node.a', (payload) => setTimeout(() => answer(bus, JSON.parse(payload), {}), 50))
  const asker = await createAsker(bus)
  expect(await asker.ask('node.a', {}, 10)).toEqual({ kind: 'silent' })
  await new Promise((resolve) => setTimeout(resolve, 60))
})

test('of several answers the first counts', async () => {
  const bus = createMemoryBus({ log })
  for (const pushed of [1, 2]) {
    await bus.subscribe('node.a', (payload) => answer(bus, JSON.parse(payload), { pushed }))
  }
  const asker = await createAsker(bus)
  expect(await asker.ask('node.a', {}, 60_000)).toMatchObject({ answer: { pushed: 1 } })
})

test('closing ends the questions under way', async () => {
  const asker = await createAsker(createMemoryBus({ log }))
  const asked = asker.ask('node.nobody', {}, 60_000)
  await asker.close()
  expect(await asked).toEqual({ kind: 'silent' })
})
