import type { QueryResult } from 'pg'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Revision, StreamName } from '../../../ledger/ledger.ts'
import { createAppendQueue, type Writer } from '../../../ledger/postgres/append-queue.ts'

/** A writer that writes everything, until `fails` says otherwise by a code, and notes what rings the bell. */
function given(fails: () => string | undefined = () => undefined) {
  const rings: (boolean | 'by itself')[] = []
  const writer: Writer = {
    query: async ({ name, values }) => {
      if (name === 'ledger-ring') {
        rings.push('by itself')
        return { rows: [] } as unknown as QueryResult
      }
      rings.push(values[9] as boolean)
      const code = fails()
      if (code !== undefined) throw Object.assign(new Error('a test'), { code })
      return {
        rows: [{ batch: 1, written: true, revision: 0, last_position: '1' }],
      } as unknown as QueryResult
    },
    discard: () => {},
  }
  const queue = createAppendQueue(writer, 10_000)
  const append = (stream: string) =>
    queue.append({
      stream: stream as StreamName,
      events: [{ id: 'id', type: 'Type', data: '{}', metadata: '{}' }],
      expected: -1 as Revision,
    })
  return { rings, queue, append }
}

test('commits that follow each other closely ring the bell once, and the last of them is rung for too', async () => {
  const { rings, queue, append } = given()
  for (const stream of ['a', 'b', 'c']) expect(await append(stream)).toMatchObject({ kind: 'written' })
  expect(rings[0]).toBe(true)
  await vi.waitFor(() => expect(rings.at(-1)).not.toBe(false), { timeout: 20_000 })
  await queue.close()
})

test('the last of a burst is rung for, also where one before it rang by itself', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { rings, queue, append } = given()
  const appended = async (stream: string, afterMs: number) => {
    await vi.advanceTimersByTimeAsync(afterMs)
    await append(stream)
  }
  await appended('a', 0)
  await appended('b', 7)
  await appended('c', 15)
  await appended('d', 2)
  expect(rings).toEqual([true, false, true, false])
  await vi.advanceTimersByTimeAsync(50)
  expect(rings).toEqual([true, false, true, false, 'by itself'])
  await queue.close()
})

test('a connection that broke while it was written to has told nobody whether anything was written', async () => {
  const { queue, append } = given(() => 'EPIPE')
  expect(await append('a')).toMatchObject({ kind: 'ambiguous' })
  await queue.close()
})

test('a commit that failed has rung for nobody: the next one does', async () => {
  let broken = true
  const { rings, queue, append } = given(() => (broken ? '40001' : undefined))
  expect(await append('a')).toMatchObject({ kind: 'refused' })
  broken = false
  expect(await append('b')).toMatchObject({ kind: 'written' })
  expect(rings).toEqual([true, true])
  await queue.close()
})
