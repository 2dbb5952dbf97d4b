/**
 * From pressure to what is left out: a state machine without clock or timer. Pressure is a number: 1 means that sends have
 * to be refused, less that something less important makes room for them.
 *
 *   calm ⇄ typing ⇄ presence ⇄ read ⇄ delivered ⇄ send
 *
 * Each state leaves out what its name says, and everything before it:
 * - calm: nothing.
 * - typing: typing is not relayed.
 * - presence: presence is not told; who watches is told the latest once it is calmer.
 * - read: read receipts wait and are recorded together (`held-receipts.ts`); none is lost.
 * - delivered: delivered receipts too.
 * - send: of the sends, as many are taken as can be answered in time; the others get `overloaded`.
 *   New sockets are taken at a low rate.
 *
 * Up at once, to whatever the pressure asks for; down one state at a time, each after `CALM_MS` of clearly less pressure, so
 * that what was held does not come as the next wave.
 */

export const STATES = ['calm', 'typing', 'presence', 'read', 'delivered', 'send'] as const
export type LoadState = (typeof STATES)[number]
export type Sheddable = Exclude<LoadState, 'calm'>

/** The pressure at which a state is entered. */
const ENTERED_AT = { calm: 0, typing: 0.5, presence: 0.6, read: 0.7, delivered: 0.85, send: 1 } as const
/** Down only below this part of the pressure that leads up. */
const LEFT_BELOW = 0.7
export const CALM_MS = 500

export interface Shedding {
  readonly state: LoadState
  sheds(what: Sheddable): boolean
  /** @param now in milliseconds, of a clock that only goes forwards. */
  update(pressure: number, now: number): void
}

export function createShedding(): Shedding {
  let level = 0
  let calmSince = Number.POSITIVE_INFINITY

  return {
    get state() {
      return STATES[level] as LoadState
    },
    sheds: (what) => level >= STATES.indexOf(what),
    update: (pressure, now) => {
      const asked = STATES.findLastIndex((state) => pressure >= ENTERED_AT[state])
      if (asked > level) level = asked
      const isCalmer = pressure < ENTERED_AT[STATES[level] as LoadState] * LEFT_BELOW
      if (!isCalmer) calmSince = Number.POSITIVE_INFINITY
      else if (now - calmSince >= CALM_MS) {
        level--
        calmSince = now
      } else calmSince = Math.min(calmSince, now)
    },
  }
}
