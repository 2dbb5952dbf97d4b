/** Work that is done once for all who ask: one run is under way, and one behind it at most. Knows no work. */

/**
 * Whoever asks gets a run that begins after they asked: at once if none is under way, otherwise the one behind it, with all who ask
 * meanwhile. What a run rejects with, those who wait for it get.
 */
export function oneBehind(work: () => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> | undefined
  let behind: Promise<void> | undefined

  function begin(): Promise<void> {
    const run = work().finally(() => {
      underWay = undefined
    })
    underWay = run
    return run
  }

  return () => {
    if (behind) return behind
    if (!underWay) return begin()
    behind = underWay
      .catch(() => {})
      .then(() => {
        behind = undefined
        return begin()
      })
    return behind
  }
}
