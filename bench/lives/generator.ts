/** Drives the pairs over real sockets, in closed or open loop, run by run. Measures; reports to whoever called it. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDurations } from '../histogram.ts'
import { noTally } from './pair.ts'
import type { LivesMessage, LivesRun, LivesSettings } from './settings.ts'
import { closeSockets, connectPairs, type Party } from './sockets.ts'

/** What has not been read this long after the end of a run is lost; after an overload there is more to catch up with. */
const DRAIN_LIMIT_MS = { repeat: 15_000, count: 60_000 }

/** Open loop: how often the generator looks for what is due. */
const TICK_MS = 1

/** Runs until all runs are done, or `tell`s why not. */
export async function generateLives(
  settings: LivesSettings,
  tell: (message: LivesMessage) => void,
): Promise<void> {
  const { load, warmUpSeconds, runs, secondsPerRun, refusals = 'repeat' } = settings
  const recording = newRecording()
  const parties = await connectPairs(settings, {
    tally: recording.tally,
    nonce: randomBytes(9).toString('base64url'),
    reached: (life, afterMs) => {
      if (life === 'read') recording.read++
      recording.durations[life].record(afterMs)
    },
    onRead: (party, count) => {
      // Closed loop: whoever is read makes room for the next.
      if (recording.running && 'inFlight' in load) party.write(count)
    },
    onBroken: (reason) => tell({ kind: 'failed', reason }),
  })
  tell({ kind: 'connected' })

  async function run(seconds: number): Promise<LivesRun> {
    Object.assign(recording, newRecording(recording.tally))
    Object.assign(recording.tally, noTally())
    recording.running = true
    const cpu = process.cpuUsage()
    const began = performance.now()
    if ('rate' in load) {
      await openLoop({
        parties,
        rate: load.rate,
        seconds,
        countsFrom: refusals === 'count' ? 'written' : 'due',
        recordLag: recording.durations.lag.record,
      })
    } else {
      for (const party of parties) party.write(load.inFlight)
      await sleep(seconds * 1000)
    }
    const elapsed = (performance.now() - began) / 1000
    const { user, system } = process.cpuUsage(cpu)
    const read = recording.read
    recording.running = false
    const drainBegan = performance.now()
    await drain(parties, DRAIN_LIMIT_MS[refusals])
    const drainSeconds = (performance.now() - drainBegan) / 1000
    const { sent, delivered, read: readMs, refused, lag } = recording.durations
    return {
      messagesPerSecond: read / elapsed,
      verdict: { ...recording.tally },
      latencyMs: {
        sent: sent.percentiles(),
        delivered: delivered.percentiles(),
        read: readMs.percentiles(),
      },
      ...(refusals === 'count' ? { refusedMs: refused.percentiles() } : {}),
      ...('rate' in load
        ? { generatorLagMs: lag.percentiles(), writtenPerSecond: Math.round(load.rate * seconds) / elapsed }
        : {}),
      drainSeconds,
      generatorCpu: (user + system) / 1e6 / elapsed,
    }
  }

  if (warmUpSeconds > 0) await run(warmUpSeconds)
  for (let done = 0; done < runs; done++) {
    tell({ kind: 'run-begins' })
    tell({ kind: 'run', run: await run(secondsPerRun) })
  }
  await closeSockets(parties)
  tell({ kind: 'done' })
}

function newRecording(tally = noTally()) {
  return {
    running: false,
    read: 0,
    tally,
    durations: {
      sent: createDurations(),
      delivered: createDurations(),
      read: createDurations(),
      refused: createDurations(),
      lag: createDurations(),
    },
  }
}

/**
 * Message i is due at i/rate, whatever became of the ones before, and its latency counts from then: a system that stalls
 * is charged for what it kept waiting (no coordinated omission).
 */
async function openLoop({
  parties,
  rate,
  seconds,
  countsFrom,
  recordLag,
}: {
  readonly parties: readonly Party[]
  readonly rate: number
  readonly seconds: number
  readonly countsFrom: 'due' | 'written'
  readonly recordLag: (milliseconds: number) => void
}): Promise<void> {
  const start = performance.now()
  const total = Math.round(rate * seconds)
  for (let written = 0; written < total; ) {
    const now = performance.now()
    for (; written < total; written++) {
      const due = start + (written * 1000) / rate
      if (due > now) break
      recordLag(now - due)
      parties[written % parties.length]?.write(1, countsFrom === 'due' ? due : now)
    }
    await sleep(TICK_MS)
  }
}

async function drain(parties: readonly Party[], limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs
  while (parties.some(({ pair }) => pair.inFlight > 0)) {
    if (performance.now() > deadline) {
      for (const { pair } of parties) pair.giveUp()
      return
    }
    await sleep(10)
  }
}
