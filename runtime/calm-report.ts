/** Tells of failures that come in numbers: the first of a kind at once, of those that follow how many there were. Counts; judges nothing. */
import type { Logger } from './logging.ts'

export type Report = (error: unknown, about?: object) => void

/** Between two lines about one kind: an outage of an hour under load is 360 lines, and not one for each message. */
const EVERY_MS = 10_000
/** A message that is another each time is not to be a kind each time. */
const MOST_KINDS = 50

interface Kind {
  readonly name: string
  last: unknown
  /** Since the last line. */
  more: number
}

export function createCalmReport(log: (about: object, text: string) => void, text: string): Report {
  const kinds = new Map<string, Kind>()

  function next(kind: Kind): void {
    // Over: the next one is told at once.
    if (kind.more === 0) return void kinds.delete(kind.name)
    log({ err: kind.last, more: kind.more }, text)
    kind.more = 0
    wait(kind)
  }

  const wait = (kind: Kind): void => void setTimeout(() => next(kind), EVERY_MS).unref()

  return (error, about = {}) => {
    const own = nameOf(error)
    const name = kinds.has(own) || kinds.size < MOST_KINDS ? own : 'any other'
    const known = kinds.get(name)
    if (known) {
      known.last = error
      known.more++
      return
    }
    log({ err: error, ...about }, text)
    const kind: Kind = { name, last: error, more: 0 }
    kinds.set(name, kind)
    wait(kind)
  }
}

/** By its code, where it has one; without the numbers in its text, which are of the one case. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error).replace(/\d+/g, '#')
  const { code } = error as { code?: unknown }
  return `${error.name} ${code === undefined ? error.message.replace(/\d+/g, '#') : String(code)}`
}

/** Of a log, at its level `warn`. */
export const reportWarnings = (log: Pick<Logger, 'warn'>, text: string): Report =>
  createCalmReport((about, said) => log.warn(about, said), text)

/** Of a log, at its level `error`; what is no fault of anything at `warn`. */
export function reportErrors(
  log: Pick<Logger, 'error' | 'warn'>,
  text: string,
  isNoFault: (error: unknown) => boolean = () => false,
): Report {
  const fault = createCalmReport((about, said) => log.error(about, said), text)
  const other = reportWarnings(log, text)
  return (error, about) => (isNoFault(error) ? other : fault)(error, about)
}
