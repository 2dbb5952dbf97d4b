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

/** A writer whose queries are answered by hand; giving the connection up fails all that it has not answered, as `writer.ts` does. */
function givenByHand(timeoutMs = 10_000) {
  const queries: { readonly appends: number; answer(): void }[] = []
  let pending: ((error: Error) => void)[] = []
  let discards = 0
  const writer: Writer = {
    query: ({ values }) =>
      new Promise((resolve, reject) => {
        const streams = String(values[0]).split(',')
        const rows = streams.map((_, n) => ({ batch: n + 1, written: true, revision: 0, last_position: '1' }))
        queries.push({
          appends: streams.length,
          answer: () => resolve({ rows } as unknown as QueryResult),
        })
        pending.push(reject)
      }),
    discard: () => {
      discards++
      for (const fail of pending) fail(new Error('Connection terminated'))
      pending = []
    },
  }
  const queue = createAppendQueue(writer, timeoutMs)
  let streams = 0
  const appends = (count: number) =>
    Array.from({ length: count }, () =>
      queue.append({
        stream: `stream-${streams++}` as StreamName,
        events: [{ id: 'id', type: 'Type', data: '{}', metadata: '{}' }],
        expected: -1 as Revision,
      }),
    )
  const kinds = async (outcomes: Promise<{ readonly kind: string }>[]) =>
    new Set((await Promise.all(outcomes)).map(({ kind }) => kind))
  return { queries, queue, appends, kinds, discards: () => discards }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('where many wait, the next batch is sent before the last one is answered, one at most, and few wait for the answer', async () => {
  const { queries, queue, appends, kinds } = givenByHand()
  const sizes = () => queries.map(({ appends: size }) => size)
  const first = appends(1)
  await turn()
  const few = appends(49)
  await turn()
  expect(sizes()).toEqual([1])
  const enough = appends(1)
  await turn()
  expect(sizes()).toEqual([1, 50])
  const more = appends(200)
  await turn()
  expect(sizes()).toEqual([1, 50])
  queries[0]?.answer()
  expect(await kinds(first)).toEqual(new Set(['written']))
  await vi.waitFor(() => expect(sizes()).toEqual([1, 50, 200]), { timeout: 20_000 })
  const closed = queue.close()
  queries[2]?.answer()
  queries[1]?.answer()
  expect(await kinds([...few, ...enough, ...more])).toEqual(new Set(['written']))
  await closed
})

test('the time of a batch begins with the answer to the one before it, and one that hangs takes down what was sent behind it, once', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const { queries, appends, kinds, discards } = givenByHand(1_000)
  const first = appends(1)
  await turn()
  const second = appends(50)
  await turn()
  await vi.advanceTimersByTimeAsync(900)
  queries[0]?.answer()
  expect(await kinds(first)).toEqual(new Set(['written']))
  const third = appends(50)
  await turn()
  expect(queries).toHaveLength(3)
  await vi.advanceTimersByTimeAsync(999)
  expect(discards()).toBe(0)
  await vi.advanceTimersByTimeAsync(1)
  expect(await kinds([...second, ...third])).toEqual(new Set(['ambiguous']))
  expect(discards()).toBe(1)
  const next = appends(1)
  await vi.advanceTimersByTimeAsync(10)
  expect(queries).toHaveLength(4)
  queries[3]?.answer()
  expect(await kinds(next)).toEqual(new Set(['written']))
})
