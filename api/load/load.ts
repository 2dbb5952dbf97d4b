/**
 * How much this node has to do, measured, and what it therefore leaves out (`shedding.ts`). Costs a send three readings of the
 * clock; everything else happens once in `SAMPLE_MS`.
 *
 * Three things are measured, because each is blind where the others see:
 * - how late the event loop is. Frames that wait in the buffers of the kernel are seen by nobody; they wait as long as a
 *   turn of the loop takes.
 * - how long the sends under way have to wait, from frame to answer: their number divided by how many are answered a second
 *   (Little's law). The queue of their mailbox, the append queue and the disk are all in it, and it is known before anybody
 *   has waited so long; the durations of those that were answered would tell it too late. How many are answered is taken
 *   over some samples in which there was something to answer: answers come in the batches of the ledger, and the few of one
 *   short sample made a busy node look like a drowning one. A moment without any answer, as when the heap is collected in the middle of
 *   a commit, tells that one has to wait, and not that fewer can be answered: it had sends refused at half of what the node could do.
 * - how many sends are asked for, for each that is taken, while some have to be refused. It is a flood as long as that lasts,
 *   however soon those that are taken are answered. Without it all were taken again as soon as the queue was short, twice a
 *   second, and `sent` took 1.1 to 1.9 s at p99.
 */
import type { Metrics } from '../../runtime/metrics.ts'
import { createShedding, type LoadState, type Sheddable, STATES } from './shedding.ts'

export interface Load {
  readonly state: LoadState
  /** Whether there is room for one more of these now. For sends and sockets, ask for each one. */
  allows(what: Sheddable | 'socket'): boolean
  /** A send is under way; call what it returns once, when it is answered. */
  began(): () => void
  /** When to come back, in milliseconds: later the more there is to do, and not everybody at once. */
  retryAfterMs(): number
  /** Looks at the signals; the timer's work. */
  sample(): void
  close(): void
}

const SAMPLE_MS = 100
/**
 * Pressure 1, each by itself. A loop so late and sends that wait so long still leave room for an answer within a second; with
 * less, 200 pairs with 4 messages on their way each, which is a busy node and not a flood, had their receipts held back.
 */
const LATE_MS = 600
const WAIT_MS = 650
/**
 * Likewise where nothing is answered: a disk or a ledger that stands still for a moment is no flood, and makes up for it. With the 650 ms
 * of sends that wait a pause of 0.7 s had 159 of 950 sends a second refused, at half of what could be answered (`standstill.test.ts`).
 */
const STALL_MS = 1_000
/** Weight of the newest sample when it tells of more, and of less; and the most it may tell: one pause refuses no send. */
const RISING = 0.5
const FALLING = 0.25
/** Of the newest sample of how many are answered. */
const RATE_WEIGHT = 0.2
const MAX_SAMPLE = 1.9
/**
 * In calm this many are a burst and not yet a flood, or what is answered in this time if that is more. It is less than `WAIT_MS`
 * because a flood is answered more slowly than what came before it: 3,300 a second instead of 5,300, lives bench, 2 cores.
 */
const BURST = 1_500
const BURST_MS = 400
/** A turn of the loop that takes this long takes no more sends; longer in calm, where it is a burst and not a flood. */
const LONG_TURN_MS = 250
const LONG_TURN_IN_CALM_MS = 1_000
/**
 * What sends under way may need, at the rate at which they are answered, while sends are refused: this, or three times what a send
 * takes where there is no queue, and `WAIT_MS` at most. While one batch of the ledger is written the next gathers, which is two times;
 * with less than that, fewer are taken than can be answered, hence fewer are answered, and so on.
 */
const ANSWERED_WITHIN_MS = 250
const TIMES_ALONE = 3
const ALONE_WEIGHT = 0.2
/** So few are no queue, however slow the machine. */
const MIN_UNDER_WAY = 64
/** For memory: some 10 KB each. */
const MAX_UNDER_WAY = 5_000
/** The most that asked for each taken may tell. */
const MAX_ASKED = 4
/** New sockets a second while sends are refused. */
const SOCKETS_PER_SECOND = 50
const RETRY_MS = 1_000

export function createLoad(
  metrics: Pick<Metrics, 'gauge' | 'counter'>,
  clock = () => performance.now(),
): Load {
  const shedding = createShedding()
  const pressureGauge = metrics.gauge('triptick_load_pressure', 'At 1 this node refuses sends.')
  const stateGauge = metrics.gauge('triptick_load_state', `0 to 5: ${STATES.join(', ')}.`)
  const shed = metrics.counter('triptick_shed_total', 'What was left out or put off under load.', ['what'])

  let sampledAt = clock()
  /** The newest sample was of a standstill: something was under way and nothing was answered, or the event loop stood still itself. */
  let stoodStill = false
  /** It was, or the one before it: of the sample after a standstill only a part tells how many are answered. */
  let standsStill = false
  let pressure = 0
  let late = 0
  let wait = 0
  /** Answered a second: over several samples, and in the newest. */
  let perSecond = 0
  let rate = 0
  let learntAt = sampledAt
  /** What a send takes that comes when few are under way. */
  let aloneMs = 0
  let underWay = 0
  /** Since the last sample. */
  let answered = 0
  let taken = 0
  let refused = 0
  /** Of those that came when few were under way. */
  let quickestMs = Number.POSITIVE_INFINITY
  let lastAnswerAt = sampledAt
  let sockets = 0

  function sample(): void {
    const now = clock()
    const passed = Math.max(1, now - sampledAt)
    sampledAt = now
    rate = (answered * 1000) / passed
    if (answered > 0) learn(now)
    if (quickestMs < Number.POSITIVE_INFINITY)
      aloneMs += ALONE_WEIGHT * (Math.min(WAIT_MS, quickestMs) - aloneMs)
    late = smoothed(late, Math.max(0, passed - SAMPLE_MS) / LATE_MS)
    const isStill = underWay > 0 && (answered === 0 || passed - SAMPLE_MS > LONG_TURN_MS)
    standsStill = isStill || stoodStill
    stoodStill = isStill
    wait = smoothed(wait, waited(now))
    pressure = Math.max(late, wait, refused > 0 ? Math.min(MAX_ASKED, 1 + refused / Math.max(1, taken)) : 0)
    answered = taken = refused = 0
    quickestMs = Number.POSITIVE_INFINITY
    sockets = (SOCKETS_PER_SECOND * SAMPLE_MS) / 1000
    shedding.update(pressure, now)
    pressureGauge.set(pressure)
    stateGauge.set(STATES.indexOf(shedding.state))
  }

  /** How many can be answered a second, from those that were since anything was before. */
  function learn(now: number): void {
    const since = (answered * 1000) / Math.max(1, now - learntAt)
    learntAt = now
    // What is answered tells what can be only where more waits; otherwise it tells what was asked.
    if (underWay >= MIN_UNDER_WAY) perSecond += RATE_WEIGHT * (since - perSecond)
    else perSecond = Math.max(perSecond, since)
  }

  /** Sends that can be answered a second: as lately, or as just now if that is more. */
  const capacity = () => Math.max(perSecond, rate)
  const answerable = (rateOfAnswers: number, withinMs: number) =>
    Math.min(MAX_UNDER_WAY, Math.max(MIN_UNDER_WAY, (rateOfAnswers * withinMs) / 1000))

  function mostBeforeFlood(): number {
    const isCalm = shedding.state === 'calm'
    const withinMs = standsStill ? STALL_MS : isCalm ? BURST_MS : WAIT_MS
    return Math.max(isCalm ? BURST : 0, answerable(capacity(), withinMs))
  }

  const mostInFlood = () =>
    answerable(perSecond, Math.min(WAIT_MS, Math.max(ANSWERED_WITHIN_MS, TIMES_ALONE * aloneMs)))

  /** The pressure of those under way. */
  function waited(now: number): number {
    if (underWay < MIN_UNDER_WAY) return 0
    // Where nothing is answered, it is the time since something was.
    return standsStill ? (now - lastAnswerAt) / STALL_MS : (underWay * 1000) / capacity() / WAIT_MS
  }

  function takesSend(): boolean {
    const limit = shedding.state === 'calm' ? LONG_TURN_IN_CALM_MS : LONG_TURN_MS
    if (clock() - sampledAt - SAMPLE_MS > limit) return false
    // A flood is quicker than the samples: this is pressure 1, and everything else is left out before a send is.
    if (!shedding.sheds('send') && underWay >= mostBeforeFlood()) shedding.update(1, clock())
    if (!shedding.sheds('send') || underWay < mostInFlood()) return true
    refused++
    return false
  }

  function allows(what: Sheddable | 'socket'): boolean {
    switch (what) {
      case 'send':
        return takesSend()
      case 'socket':
        return !shedding.sheds('send') || sockets-- > 0
      default:
        return !shedding.sheds(what)
    }
  }

  const timer = setInterval(sample, SAMPLE_MS)
  timer.unref()
  return {
    get state() {
      return shedding.state
    },
    allows: (what) => {
      const isAllowed = allows(what)
      if (!isAllowed) shed.inc({ what })
      return isAllowed
    },
    began: () => {
      const beganAt = clock()
      const isAlone = underWay < MIN_UNDER_WAY
      if (underWay++ === 0) lastAnswerAt = sampledAt
      taken++
      return () => {
        underWay--
        answered++
        lastAnswerAt = sampledAt
        if (isAlone) quickestMs = Math.min(quickestMs, clock() - beganAt)
      }
    },
    retryAfterMs: () => Math.round(RETRY_MS * (1 + Math.min(4, pressure)) * (0.5 + Math.random())),
    sample,
    close: () => clearInterval(timer),
  }
}

function smoothed(before: number, newest: number): number {
  const told = Math.min(MAX_SAMPLE, newest)
  return before + (told > before ? RISING : FALLING) * (told - before)
}
