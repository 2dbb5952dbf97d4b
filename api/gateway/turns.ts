/** How many at once read what devices missed: a storm of reconnects must not take the database from everybody else. */

/** Runs the reading when it is its turn. */
export type Turns = <T>(read: () => Promise<T>) => Promise<T>

const AT_ONCE = 8

export function createTurns(atOnce = AT_ONCE): Turns {
  const queue: (() => void)[] = []
  let active = 0
  return async (read) => {
    if (active >= atOnce) await new Promise<void>((resolve) => queue.push(resolve))
    active++
    try {
      return await read()
    } finally {
      active--
      queue.shift()?.()
    }
  }
}
