/** The parts of a replay that need no system: reading traces, attendance, what a client has seen, the progress bar. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { attend } from '../../cli/replay-trace/attendance.ts'
import { createGate } from '../../cli/replay-trace/gate.ts'
import { renderProgress, startProgressBar } from '../../cli/replay-trace/progress-bar.ts'
import { createThread } from '../../cli/replay-trace/thread.ts'
import { readTrace, type Trace } from '../../cli/replay-trace/trace.ts'
import type { ConversationId } from '../../domain/ids.ts'
import type { MessageFrame, ReceiptFrame } from '../../protocol/server-frames.ts'
import { StartProblem } from '../../runtime/problem.ts'

const folder = mkdtempSync(join(tmpdir(), 'triptick-trace-'))
afterAll(() => rmSync(folder, { recursive: true }))

function traceFile(lines: readonly string[], name = 'trace.tsv.gz'): string {
  const file = join(folder, name)
  const text = `${lines.join('\n')}\n`
  writeFileSync(file, name.endsWith('.gz') ? gzipSync(text) : text)
  return file
}

test('a text is the rest of its line, whatever is in it; empty and oversized ones are skipped and counted', async () => {
  const odd = 'tab\there \r vertical \u000b line \u2028 para \u2029 bell \u0007 lost \ufffd 🐙'
  const trace = await readTrace(
    traceFile([
      `2004-11-15\t700\tu1\t${odd}`,
      '2004-11-15\t700\tu2\t',
      `2004-11-15\t701\tu2\t${'x'.repeat(8193)}`,
      `2004-11-15\t701\tu2\t${'🐙'.repeat(8192)}`,
      '2005-06-27\t10\tu1\tnext day',
    ]),
  )
  expect(trace).toMatchObject({ kind: 'group', people: ['u1', 'u2'], skipped: 2 })
  expect(trace.messages.map(({ text }) => text)).toEqual([odd, '🐙'.repeat(8192), 'next day'])
  expect(trace.messages.map(({ at }) => at)).toEqual([0, 60, (24 * 60 - 690) * 60])
})

test('private messages have a sender and a recipient; a limit ends early', async () => {
  const lines = ['1082040961\t1\t2', '1082155839\t3\t4', '1082414391\t5\t2']
  const trace = await readTrace(traceFile(lines, 'plain.tsv'), 2)
  expect(trace.kind).toBe('direct')
  expect(trace.messages).toMatchObject([
    { at: 0, from: 0, to: 1 },
    { at: 114_878, from: 2, to: 3 },
  ])
})

const DIRECT = '1082040961\t1\t2'
const GROUP = '2004-11-15\t700\tu1\thush'
test.each<[string, string[], string, RegExp]>([
  [
    'no time',
    [DIRECT, '', 'hush'],
    'line 3: its first column is no unix time',
    /unix time, sender, recipient/,
  ],
  ['blanks for tabs', ['1082040961 1 2'], 'line 1: its first column', /like 1082040961<tab>1<tab>2/],
  ['no recipient', ['1082040961\t1\t'], 'line 1: it has no recipient', /--help/],
  ['no minute', [GROUP, '2004-11-15\thush\tu1\tx'], 'line 2: its second column', /yyyy-mm-dd, minute of day/],
  ['no text', [GROUP, '2004-11-15\t700\tu1'], 'line 2: it has no text', /u1<tab>Tea\?/],
])(
  'a row with %s is told with its line, what is wrong and what was wanted, and not repeated',
  async (_name, lines, problem, fix) => {
    const file = traceFile(lines, 'bad.tsv')
    const refused = await readTrace(file).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(StartProblem)
    const [told] = (refused as StartProblem).problems
    expect(told?.problem).toContain(`${file}, ${problem}`)
    expect(told?.fix).toMatch(fix)
    expect(JSON.stringify(told)).not.toContain('hush')
  },
)

test('what has no message, or cannot be read to its end, is not played', async () => {
  const unsendable = ['2004-11-15\t700\tu1\t']
  for (const none of [traceFile([], 'empty.tsv'), traceFile(unsendable, 'unsendable.tsv')]) {
    await expect(readTrace(none)).rejects.toThrow(`${none} has no message that can be sent`)
  }
  const whole = readFileSync(traceFile(['1082040961\t1\t2'], 'whole.tsv.gz'))
  const half = join(folder, 'half.tsv.gz')
  writeFileSync(half, whole.subarray(0, whole.length - 4))
  for (const unreadable of [half, folder, join(folder, 'nowhere.tsv')]) {
    await expect(readTrace(unreadable)).rejects.toThrow(`${unreadable} cannot be read: `)
  }
})

const HOUR = 3600
const trace = (messages: Trace['messages']): Trace => ({
  kind: 'direct',
  people: ['a', 'b'],
  messages,
  skipped: 0,
})

test('whoever writes is online when they write, and offline in long gaps', () => {
  const actions = attend(
    trace([
      { at: 0, from: 0, to: 1, text: 'x' },
      { at: 600, from: 0, to: 1, text: 'x' },
      { at: 10 * HOUR, from: 0, to: 1, text: 'x' },
    ]),
    1,
  )
  const online = new Set<number>()
  for (const action of actions) {
    if (action.kind === 'send') expect(online.has(0)).toBe(true)
    else if (action.kind === 'come') online.add(action.person)
    else online.delete(action.person)
  }
  expect(actions.filter((action) => action.kind === 'come' && action.person === 0)).toHaveLength(2)
  expect(actions.map(({ at }) => at)).toEqual(actions.map(({ at }) => at).sort((a, b) => a - b))
  expect(online.size).toBe(0)
})

test('whoever only gets messages looks in within a day', () => {
  const actions = attend(trace([{ at: 0, from: 0, to: 1, text: 'x' }]), 1)
  const visit = actions.find((action) => action.kind === 'come' && action.person === 1)
  expect(visit?.at).toBeLessThanOrEqual(24 * HOUR)
})

const message = (seq: number) => ({ seq, t: 'message' }) as MessageFrame

test('a message twice on one connection is doubled, after a reconnect it is not', () => {
  const faults = { doubled: 0, outOfOrder: 0 }
  const thread = createThread('c' as ConversationId, faults)
  expect([1, 2, 40].map((seq) => thread.message(message(seq), 1))).toEqual([true, true, true])
  expect([2, 40, 41].map((seq) => thread.message(message(seq), 2))).toEqual([false, false, true])
  expect(faults).toEqual({ doubled: 0, outOfOrder: 0 })
  thread.message(message(41), 2)
  expect(faults).toEqual({ doubled: 1, outOfOrder: 0 })
  expect(thread.message(message(3), 2)).toBe(true)
  expect(faults).toEqual({ doubled: 1, outOfOrder: 1 })
  expect(thread).toMatchObject({ count: 5, received: 41 })
})

test('a receipt never moves back, and reading implies having it', () => {
  const thread = createThread('c' as ConversationId, { doubled: 0, outOfOrder: 0 })
  const receipt = (kind: 'delivered' | 'read', upTo: number) =>
    thread.receipt({ t: 'receipt', userId: 'ben', kind, upTo } as ReceiptFrame)
  receipt('read', 5)
  receipt('delivered', 3)
  expect([...thread.others.values()]).toEqual([{ delivered: 5, read: 5 }])
})

test('a gate lets so many in and no more', async () => {
  const gate = createGate(2)
  let inside = 0
  let most = 0
  for (let count = 0; count < 6; count++) {
    await gate.enter(async () => {
      most = Math.max(most, ++inside)
      await new Promise((resolve) => setTimeout(resolve, 5))
      inside--
    })
  }
  await gate.empty()
  expect({ most, inside }).toEqual({ most: 2, inside: 0 })
})

test('the progress bar tells percent, speed, who is online and how long it will take', () => {
  expect(renderProgress({ done: 250, total: 1000, online: 42 }, 1234.5, 15_000)).toBe(
    '██████░░░░░░░░░░░░░░░░░░ 25%  1,235 messages/s     42 online  0:45 left',
  )
})

/** What is written while a replay of 1,000 messages runs for so long. */
function progressOf(stream: { isTTY: boolean }, seconds: number): string {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  let written = ''
  const write = (text: string) => {
    written += text
    return true
  }
  const began = performance.now()
  const done = () => Math.min(1000, Math.round(((performance.now() - began) / 60_000) * 1000))
  const stop = startProgressBar(() => ({ done: done(), total: 1000, online: 7 }), {
    ...stream,
    write,
  } as NodeJS.WriteStream)
  vi.advanceTimersByTime(seconds * 1000)
  stop()
  return written
}

test('into a file a line is written for each tenth, and none while nothing is sent any more', () => {
  const lines = progressOf({ isTTY: false }, 600).split('\n')
  expect(lines.pop()).toBe('')
  expect(lines).toHaveLength(10)
  expect(lines[0]).toBe('10%: 100 of 1000 messages sent, 7 people online, 0:54 left')
  expect(lines[9]).toBe('100%: 1000 of 1000 messages sent, 7 people online; who was away still comes to read')
  expect(lines.join('')).not.toMatch(/[\r█░]/)
})

test('on a terminal the line is drawn over itself', () => {
  expect(progressOf({ isTTY: true }, 1).match(/\r[█░]{24}/g)).toHaveLength(6)
})
