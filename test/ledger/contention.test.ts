/** Several nodes that write into one conversation without a pause, each over a connection of its own. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { CommandHandler } from '../../ledger/handle-command.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { isOfConflicts } from '../../ledger/mailbox/still-in-conflict.ts'
import { createPostgresLedger } from '../../ledger/postgres/ledger.ts'
import {
  acknowledge,
  databaseUrl,
  ledger,
  newId,
  node,
  pool,
  send,
  start,
  streamOf,
  useLedger,
} from './command-kit.ts'

useLedger()

const NODES = 4
const WRITERS = 4
const EACH = 25
let ledgers: Ledger[]

beforeAll(() => {
  ledgers = Array.from({ length: NODES }, () => createPostgresLedger({ databaseUrl: databaseUrl(), pool }))
})
afterAll(() => Promise.all(ledgers.map((ledger) => ledger.close())))

describe.each([2, NODES])('of %i', (count) => {
  test('nodes that hammer one conversation all get through, in one order', async () => {
    const id = newId()
    const broken: unknown[] = []
    const report = (error: unknown) => broken.push(error)
    const nodes = ledgers
      .slice(0, count)
      .map((ledger, i) => node({ ledger, node: `n${i}`, findMessage: async () => null, report }))
    await start(nodes[0] as CommandHandler, id)
    const seqs: number[] = []
    const writing = nodes.flatMap((handler, n) =>
      Array.from({ length: WRITERS }, async (_, writer) => {
        for (let i = 0; i < EACH; i++) {
          const answer = await send(handler, id, `${count} ${n} ${writer} ${i}`)
          if (answer.kind === 'done') seqs.push(answer.result.seq)
          if (i % 5 === 4) await acknowledge(handler, id, 1, 'delivered')
        }
      }),
    )
    await Promise.all(writing)
    expect(broken).toEqual([])
    const all = count * WRITERS * EACH
    expect(seqs.sort((a, b) => a - b)).toEqual(Array.from({ length: all }, (_, i) => i + 1))
    expect(await streamOf(id)).toHaveLength(1 + all)
  }, 60_000)
})

test('who meets nothing but conflicts gives up after 15 s, and says that it was no fault of anything', async () => {
  // Each append takes 8 s, as when the machine stands still.
  let passed = 0
  const real = performance.now.bind(performance)
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => real() + passed)
  onTestFinished(() => void clock.mockRestore())
  const id = newId()
  await start(node(), id)
  const reported: unknown[] = []
  let appends = 0
  const contended: Ledger = {
    ...ledger,
    append: async (_stream, _events, actual) => {
      appends++
      passed += 8_000
      return { kind: 'conflict', actual }
    },
  }
  const answer = await send(node({ ledger: contended, report: (error) => reported.push(error) }), id, 'late')
  expect(answer.kind).toBe('unavailable')
  expect(appends).toBe(2)
  expect(reported.map(isOfConflicts)).toEqual([true])
  expect(await streamOf(id)).toHaveLength(1)
})
