/** Several nodes that write into one conversation without a pause, each over a connection of its own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CommandHandler } from '../../ledger/handle-command.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { createPostgresLedger } from '../../ledger/postgres/ledger.ts'
import {
  acknowledge,
  databaseUrl,
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
