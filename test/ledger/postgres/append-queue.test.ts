import type { QueryResult } from 'pg'
import { expect, test, vi } from 'vitest'
import type { Revision, StreamName } from '../../../ledger/ledger.ts'
import { createAppendQueue, type Writer } from '../../../ledger/postgres/append-queue.ts'

/** A writer that writes everything, until `fails` says otherwise, and notes what rings the bell. */
function given(fails: () => boolean = () => false) {
  const rings: (boolean | 'by itself')[] = []
  const writer: Writer = {
    query: async ({ name, values }) => {
      if (name === 'ledger-ring') {
        rings.push('by itself')
        return { rows: [] } as unknown as QueryResult
      }
      rings.push(values[9] as boolean)
      if (fails()) throw Object.assign(new Error('a test'), { code: '40001' })
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

test('a commit that failed has rung for nobody: the next one does', async () => {
  let broken = true
  const { rings, queue, append } = given(() => broken)
  expect(await append('a')).toMatchObject({ kind: 'refused' })
  broken = false
  expect(await append('b')).toMatchObject({ kind: 'written' })
  expect(rings).toEqual([true, true])
  await queue.close()
})
