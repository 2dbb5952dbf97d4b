/** One line on standard error that shows how far a replay is: drawn over itself on a terminal, a plain line for each tenth elsewhere. */

export interface ProgressState {
  readonly done: number
  readonly total: number
  readonly online: number
}

const WIDTH = 24
/** Before this, while people still connect, the time that is left is anybody's guess. */
const SETTLED_MS = 3_000
const DRAW_MS = { terminal: 200, file: 1000 }

/** Draws until it is stopped. */
export function startProgressBar(
  state: () => ProgressState,
  to: NodeJS.WriteStream = process.stderr,
): () => void {
  const began = performance.now()
  let before = { at: began, done: 0 }
  let rate = 0
  let toldTenths = 0

  function draw(): void {
    const { done, total, online } = state()
    const now = performance.now()
    // Smoothed over a few seconds: a chat comes in bursts.
    const latest = ((done - before.done) * 1000) / Math.max(1, now - before.at)
    rate = before.done === 0 ? latest : rate * 0.8 + latest * 0.2
    before = { at: now, done }
    if (to.isTTY) {
      to.write(`\r${renderProgress({ done, total, online }, rate, now - began)}\x1b[K`)
      return
    }
    const tenths = Math.floor(10 * shareOf({ done, total }))
    if (tenths <= toldTenths) return
    toldTenths = tenths
    to.write(`${renderPlainly({ done, total, online }, now - began)}\n`)
  }

  const timer = setInterval(draw, to.isTTY ? DRAW_MS.terminal : DRAW_MS.file)
  return () => {
    clearInterval(timer)
    draw()
    if (to.isTTY) to.write('\n')
  }
}

/** @param rate messages a second lately. */
export function renderProgress(
  { done, total, online }: ProgressState,
  rate: number,
  elapsedMs: number,
): string {
  const share = shareOf({ done, total })
  const filled = Math.round(share * WIDTH)
  const bar = `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)}`
  const percent = `${Math.floor(share * 100)}%`.padStart(4)
  const speed = `${Math.round(rate).toLocaleString('en-US')} messages/s`.padStart(18)
  return `${bar}${percent}${speed}  ${String(online).padStart(5)} online  ${clock(leftMs(share, elapsedMs))} left`
}

/** For a file or a pipe, where a line stays. */
export function renderPlainly({ done, total, online }: ProgressState, elapsedMs: number): string {
  const share = shareOf({ done, total })
  const sent = `${Math.floor(share * 100)}%: ${done} of ${total} messages sent, ${online} people online`
  return share < 1
    ? `${sent}, ${clock(leftMs(share, elapsedMs))} left`
    : `${sent}; who was away still comes to read`
}

const shareOf = ({ done, total }: Pick<ProgressState, 'done' | 'total'>): number =>
  total === 0 ? 1 : done / total

const leftMs = (share: number, elapsedMs: number): number =>
  share > 0 && elapsedMs > SETTLED_MS ? (elapsedMs / share) * (1 - share) : Number.NaN

const clock = (ms: number): string => {
  if (!Number.isFinite(ms)) return '–:––'
  const seconds = Math.ceil(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
