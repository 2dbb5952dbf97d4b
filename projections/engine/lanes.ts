/**
 * The lanes of one engine run, taken together: which conversation goes where, how far all of them have come, and moving
 * the idle ones along, so that the lowest position tells what is projected.
 */
import type { Position, RecordedEvent } from '../../ledger/ledger.ts'
import { subjectOf } from '../../ledger/streams.ts'
import type { Lane } from './lane.ts'

export interface Lanes {
  /** Hands events over, in ledger order; a lane drops what it has folded before. */
  dispatch(events: readonly RecordedEvent[]): void
  /** Nothing for any lane lies between the last event and `position`. */
  passTo(position: Position): void
  /** To be called after every transaction of a lane. */
  settle(): void
  /** Events in memory. */
  readonly queued: number
  /** Of the last event handed over. */
  readonly dispatched: Position
  /** Everything handed over is projected. */
  readonly drained: boolean
}

/**
 * While some lanes work, idle ones follow at most this often: one small write each. Once all is folded they follow at once,
 * since somebody may be waiting for exactly this position.
 */
const FOLLOW_MS = 50

export function createLanes(lanes: readonly Lane[], from: Position): Lanes {
  let dispatched = from
  let at = 0
  let followedAt = Number.NEGATIVE_INFINITY

  const laneOf = (event: RecordedEvent): Lane => lanes[laneNumber(event, lanes.length)] as Lane

  function settle(): void {
    const now = performance.now()
    if (now - followedAt < FOLLOW_MS && !lanes.every((lane) => lane.idle)) return
    followedAt = now
    for (const lane of lanes) if (lane.idle && lane.position < dispatched) lane.moveTo(dispatched, at)
  }

  return {
    dispatch(events) {
      for (const event of events) {
        const lane = laneOf(event)
        if (event.position > lane.position) lane.push(event)
      }
      const last = events.at(-1)
      if (!last) return
      dispatched = last.position
      at = Number(last.metadata.recordedAt) || at
      settle()
    },
    passTo(position) {
      if (position <= dispatched) return
      dispatched = position
      settle()
    },
    settle,
    get queued() {
      let sum = 0
      for (const lane of lanes) sum += lane.queued
      return sum
    },
    get dispatched() {
      return dispatched
    },
    get drained() {
      return lanes.every((lane) => lane.idle && lane.position >= dispatched)
    },
  }
}

/** Both streams of a conversation share a lane, so that a receipt never overtakes its message. */
export const laneNumber = ({ stream }: Pick<RecordedEvent, 'stream'>, lanes: number): number =>
  hash(subjectOf(stream) ?? stream) % lanes

/** FNV-1a: stable for ever, since stored checkpoints depend on it. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}
