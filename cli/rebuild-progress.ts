/** The progress bar of a rebuild, on standard error: a line that moves on a terminal, plain lines elsewhere. */
import type { Position } from '../ledger/ledger.ts'
import type { Progress } from '../projections/engine/run.ts'

export interface ProgressBar {
  update(progress: Progress): void
  end(): void
}

const WIDTH = 28
const TERMINAL_EVERY_MS = 100
const PLAIN_EVERY_MS = 5_000

/** @param head where the ledger ends now; what comes in meanwhile is little. */
export function createProgressBar(
  stream: Pick<NodeJS.WriteStream, 'write' | 'isTTY'>,
  head: Position,
  now: () => number = () => performance.now(),
): ProgressBar {
  const begun = now()
  let first: Position | undefined
  let events = 0
  let shownAt = Number.NEGATIVE_INFINITY
  /** Where it stands, if that was not shown yet. */
  let unshown: Position | undefined
  let open = false

  function show(position: Position): void {
    const seconds = (now() - begun) / 1000
    const done = head === 0n ? 1 : Math.min(1, Number(position) / Number(head))
    const covered = done - (head === 0n ? 0 : Number(first ?? 0n) / Number(head))
    const left = covered > 0 ? ((1 - done) / covered) * seconds : undefined
    const text = `${bar(done)} ${String(Math.floor(done * 100)).padStart(3)} %  ${Math.round(events / seconds).toLocaleString('en-US')} events/s  ${left === undefined ? '' : `${clock(left)} left`}`
    stream.write(stream.isTTY ? `\r\u001b[K${text}` : `${text}\n`)
    open = stream.isTTY === true
  }

  return {
    update({ events: more, position }) {
      first ??= position
      events += more
      unshown = position
      const every = stream.isTTY ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS
      if (now() - shownAt < every) return
      shownAt = now()
      show(position)
      unshown = undefined
    },
    end() {
      if (unshown !== undefined) show(unshown)
      unshown = undefined
      if (open) stream.write('\n')
      open = false
    },
  }
}

const bar = (done: number): string => {
  const full = Math.round(done * WIDTH)
  return `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)}`
}

const clock = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`
