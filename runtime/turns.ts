/** For loops over what may be large: whoever waits for the event loop gets a turn in between. */

/**
 * @param longestMs a turn of the loop may last.
 * @returns what a loop calls after each step: nothing as long as its turn may go on, then a promise to wait for.
 */
export function createTurns(longestMs: number): () => Promise<void> | undefined {
  let began = performance.now()
  return () => {
    if (performance.now() - began < longestMs) return undefined
    return new Promise((resolve) => {
      setImmediate(() => {
        began = performance.now()
        resolve()
      })
    })
  }
}
