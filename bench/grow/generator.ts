/**
 * Measures systems with pasts of different lengths in turns: a noisy machine is as noisy for one as for the other, so the
 * ratio of each round holds where its figures would not.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createDurations } from '../histogram.ts'
import { type ProcessKind, usageUnder } from '../machine/processes.ts'
import { type Circle, meet } from './circle.ts'
import type { GrownSystem, GrowSettings, GrowSystem } from './settings.ts'

/** After connecting: what is recorded of it, and the jobs that look after it, are done. */
const SETTLE_MS = 3_000
/** After the last message of a round: its receipt is in the read models. */
const TRAIL_MS = 200
const KINDS: readonly ProcessKind[] = ['supervisor', 'api', 'background', 'postgres']

export async function generateGrow({
  systems,
  rounds,
  sends,
  reads,
}: GrowSettings): Promise<readonly GrownSystem[]> {
  const measured: Measured[] = []
  for (const system of systems) measured.push(await begin(system))
  await sleep(SETTLE_MS)
  for (const system of measured) await system.warmUp()
  for (let round = 0; round < rounds; round++) {
    // Each is the first as often as the others.
    for (let turn = 0; turn < measured.length; turn++) {
      await measured[(round + turn) % measured.length]?.round(sends, reads)
    }
  }
  const grown: GrownSystem[] = []
  for (const system of measured) grown.push(await system.end())
  return grown
}

interface Measured {
  warmUp(): Promise<void>
  round(sends: number, reads: number): Promise<void>
  /** The cold circle comes, and writes in each conversation once; then what was measured. */
  end(): Promise<GrownSystem>
}

async function begin({ url, pids, ...people }: GrowSystem): Promise<Measured> {
  const hot = await meet(url, people.hot)
  const durations = {
    sent: createDurations(),
    delivered: createDurations(),
    inbox: createDurations(),
    coldSent: createDurations(),
    coldInbox: createDurations(),
  }
  const medians: { sentMs: number; inboxMs: number }[] = []
  const cpuMs: Record<ProcessKind, number> = { supervisor: 0, api: 0, background: 0, postgres: 0 }
  let sent = 0
  let read = 0

  function cpuSeconds(): Record<ProcessKind, number> {
    const all = { supervisor: 0, api: 0, background: 0, postgres: 0 }
    for (const pid of pids) {
      const usage = usageUnder(pid)
      for (const kind of KINDS) all[kind] += usage?.cpuSeconds[kind] ?? 0
    }
    return all
  }

  async function sendSome(count: number): Promise<number> {
    const ofRound = createDurations()
    const before = cpuSeconds()
    for (let n = 0; n < count; n++) {
      const { sentMs, deliveredMs } = await hot.send(sent++)
      durations.sent.record(sentMs)
      durations.delivered.record(deliveredMs)
      ofRound.record(sentMs)
    }
    await sleep(TRAIL_MS)
    const after = cpuSeconds()
    for (const kind of KINDS) cpuMs[kind] += (after[kind] - before[kind]) * 1000
    return ofRound.percentiles().p50
  }

  async function readSome(count: number): Promise<number> {
    const ofRound = createDurations()
    for (let n = 0; n < count; n++) {
      const ms = await hot.readInbox(read++)
      durations.inbox.record(ms)
      ofRound.record(ms)
    }
    return ofRound.percentiles().p50
  }

  return {
    warmUp: async () => {
      for (let n = 0; n < 2 * hot.size; n++) await hot.send(n)
      for (let n = 0; n < hot.size; n++) await hot.readInbox(n)
    },
    round: async (sends, reads) => {
      medians.push({ sentMs: await sendSome(sends), inboxMs: await readSome(reads) })
    },
    end: async () => {
      const cold = await meet(url, people.cold)
      for (const ms of cold.firstInboxMs) durations.coldInbox.record(ms)
      await sleep(SETTLE_MS)
      for (let n = 0; n < cold.size; n++) durations.coldSent.record((await cold.send(n)).sentMs)
      await Promise.all([hot.leave(), cold.leave()])
      return {
        sentMs: durations.sent.percentiles(),
        deliveredMs: durations.delivered.percentiles(),
        inboxMs: durations.inbox.percentiles(),
        coldSentMs: durations.coldSent.percentiles(),
        coldInboxMs: durations.coldInbox.percentiles(),
        ...(process.platform === 'linux' ? { cpuMs: scaled(cpuMs, sent) } : {}),
        rounds: medians,
        ...sumOf(hot, cold),
      }
    },
  }
}

const scaled = (cpuMs: Readonly<Record<ProcessKind, number>>, messages: number) =>
  Object.fromEntries(KINDS.map((kind) => [kind, cpuMs[kind] / messages])) as Record<ProcessKind, number>

const sumOf = ({ counted: a }: Circle, { counted: b }: Circle) => ({
  lost: a.lost + b.lost,
  doubled: a.doubled + b.doubled,
  outOfOrder: a.outOfOrder + b.outOfOrder,
  wrongInboxes: a.wrongInboxes + b.wrongInboxes,
})
