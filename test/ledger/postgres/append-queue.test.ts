import type { QueryResult } from 'pg'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Revision, StreamName } from '../../../ledger/ledger.ts'
import { createAppendQueue, type Writer } from '../../../ledger/postgres/append-queue.ts'

/** A writer that writes everything, until `fails` says otherwise by a code, and notes what rings the bell. */
function given(fails: () => string | undefined = () => undefined) {
  const rings: (boolean | 'by itself')[] = []
  const answerTo = async (name: string, values: readonly unknown[]) => {
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
  }
  const writer: Writer = {
    send: ({ name, values }) => ({ answer: answerTo(name, values), giveUp: () => {} }),
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

/** A writer whose queries are answered by hand; a connection that is given up fails all that it has not answered, as that of `writer.ts` does. */
function givenByHand(timeoutMs = 10_000) {
  const queries: { readonly appends: number; readonly connection: number; answer(): void }[] = []
  let pending: { readonly connection: number; fail(error: Error): void }[] = []
  let current = 1
  const givenUp: number[] = []
  const writer: Writer = {
    send: ({ values }) => {
      const connection = current
      const streams = String(values[0]).split(',')
      const rows = streams.map((_, n) => ({ batch: n + 1, written: true, revision: 0, last_position: '1' }))
      const answer = new Promise<QueryResult>((resolve, reject) => {
        const done = () => resolve({ rows } as unknown as QueryResult)
        queries.push({ appends: streams.length, connection, answer: done })
        pending.push({ connection, fail: reject })
      })
      const giveUp = () => {
        givenUp.push(connection)
        if (current === connection) current++
        for (const one of pending) if (one.connection === connection) one.fail(new Error('terminated'))
        pending = pending.filter((one) => one.connection !== connection)
      }
      return { answer, giveUp }
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
  return { queries, queue, appends, kinds, givenUp }
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
  const { queries, appends, kinds, givenUp } = givenByHand(1_000)
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
  expect(givenUp).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(await kinds([...second, ...third])).toEqual(new Set(['ambiguous']))
  expect(new Set(givenUp)).toEqual(new Set([1]))
  const next = appends(1)
  await vi.advanceTimersByTimeAsync(10)
  expect(queries.map(({ connection }) => connection)).toEqual([1, 1, 1, 2])
  queries[3]?.answer()
  expect(await kinds(next)).toEqual(new Set(['written']))
})

test('what was refused for a statement that is not prepared may be tried again, on a new connection', async () => {
  for (const code of ['26000', '42P05']) {
    const { queue, append } = given(() => code)
    expect(await append('a')).toMatchObject({ kind: 'refused', retryable: true })
    await queue.close()
  }
})
