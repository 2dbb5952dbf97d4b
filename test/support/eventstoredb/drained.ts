/** Back-pressure of a call that is written to. Sends nothing. */

import type { EventEmitter } from 'node:events'

const ENDS = ['drain', 'close', 'cancelled', 'error']

/** Resolves when the call takes more, or is gone. */
export const drained = (call: EventEmitter): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      for (const event of ENDS) call.off(event, done)
      resolve()
    }
    for (const event of ENDS) call.on(event, done)
  })
