/** A replay end to end on a real system, and the verdict on what must not pass. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Held, readHeld } from '../../cli/replay-trace/held.ts'
import { play } from '../../cli/replay-trace/play.ts'
import type { Played } from '../../cli/replay-trace/played.ts'
import type { Trace } from '../../cli/replay-trace/trace.ts'
import { judge } from '../../cli/replay-trace/verdict.ts'
import { renderVerdict } from '../../cli/replay-trace/verdict-table.ts'
import { openCommandLedger } from '../../cli/system/command-ledger.ts'
import type { System } from '../../cli/system/system.ts'
import type { ConversationId } from '../../domain/ids.ts'
import { startPlayedSystem } from './played-system.ts'

let system: System
beforeAll(async () => {
  system = await startPlayedSystem()
})
afterAll(() => system.stop())

const HOUR = 3600

const PAIRS: Trace = {
  kind: 'direct',
  people: ['1', '2', '3', '4'],
  messages: Array.from({ length: 60 }, (_, index) => ({
    // Three bursts, days apart: everybody leaves in between.
    at: Math.floor(index / 20) * 60 * HOUR + index,
    from: index % 3,
    to: 3 - (index % 2),
    text: `number ${index} \u2028 \u0007 🐙`,
  })).map((message) => (message.from === message.to ? { ...message, to: 0 } : message)),
  skipped: 0,
}

const GROUP: Trace = {
  kind: 'group',
  people: Array.from({ length: 12 }, (_, index) => `u${index}`),
  messages: Array.from({ length: 60 }, (_, index) => ({
    at: index * HOUR,
    from: (index * 5) % 12,
    text: `line\t${index}`,
  })),
  skipped: 1,
}

let runs = 0
async function replay(trace: Trace): Promise<{ played: Played; held: Held }> {
  const run = `r${++runs}`
  const { ledger, close } = await openCommandLedger(system.config)
  try {
    const before = await ledger.head()
    const { played, done } = play({ system, trace, speed: 'max', run, signal: new AbortController().signal })
    await done
    return { played, held: await readHeld(ledger, before, run) }
  } finally {
    await close()
  }
}

test.each([
  ['pairs', PAIRS, 60],
  ['a group', GROUP, 60 * 11],
])(
  'of %s that come and go, all messages arrive once, in order, and end read',
  async (_, trace, deliveries) => {
    const { played, held } = await replay(trace)
    const verdict = judge(played, held)
    const counts = {
      sent: 60,
      delivered: deliveries,
      read: deliveries,
      ticks: { sent: 0, delivered: 0, read: 60 },
    }
    expect(verdict).toMatchObject({
      clients: counts,
      ledger: counts,
      lost: 0,
      doubled: 0,
      outOfOrder: 0,
      altered: 0,
      wrongTicks: 0,
      problems: [],
      passed: true,
    })
    expect(renderVerdict(verdict)).toContain('lost 0, doubled 0, out of order 0')
  },
)

test('a verdict does not pass what the ledger lacks, what a client lacks, and what is there twice', async () => {
  const { played, held } = await replay(PAIRS)
  const [id, conversation] = [...held.conversations][0] as [ConversationId, never]
  const without = (change: (copy: Held) => void): Held => {
    const copy = structuredClone(held)
    change(copy)
    return copy
  }
  const missing = without((copy) =>
    copy.conversations.get(id)?.messages.splice(0, 1, { messageId: 'x', senderId: 'y' } as never),
  )
  expect(judge(played, missing)).toMatchObject({ passed: false, lost: expect.any(Number) })
  expect(judge(played, missing).lost).toBeGreaterThan(0)

  const unread = without((copy) => copy.conversations.get(id)?.read.clear())
  expect(judge(played, unread).wrongTicks).toBeGreaterThan(0)

  expect(judge(played, { ...held, doubled: 1 }).passed).toBe(false)
  expect(judge({ ...played, faults: { doubled: 0, outOfOrder: 1 } }, held).passed).toBe(false)
  expect(judge({ ...played, altered: 1 }, held).passed).toBe(false)
  expect(judge({ ...played, sent: new Map([...played.sent].slice(1)) }, held).lost).toBe(1)
  expect(judge({ ...played, problems: ['refused'] }, held).passed).toBe(false)
  expect(conversation).toBeDefined()
})
