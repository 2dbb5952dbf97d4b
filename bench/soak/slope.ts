/** How steeply what was measured rises. Pure. */

export interface Sample {
  readonly hours: number
  readonly bytes: number
}

/**
 * The median of the slopes between any two samples (Theil, 1950; Sen, 1968); 0 for fewer than two. By least squares one look at half of the memory,
 * just after V8 had given its young generation back, made 289 MB an hour of an api that stood at 305 MB for thirty minutes.
 */
export function bytesPerHour(samples: readonly Sample[]): number {
  const slopes = samples
    .flatMap((a, index) => samples.slice(index + 1).map((b) => (b.bytes - a.bytes) / (b.hours - a.hours)))
    .sort((a, b) => a - b)
  const middle = slopes.length / 2
  const [below = 0, above = 0] = [slopes[Math.ceil(middle) - 1], slopes[Math.floor(middle)]]
  return (below + above) / 2
}

/**
 * The highest of each so many hours, of whole windows only. A process whose memory is collected goes up and down by a third in a few minutes,
 * and a line through all of it leans by where it happens to begin and end; what is kept for good raises the highest too. Not the lowest: V8
 * gives its young generation back when it likes, for a moment, and an api that stood at 275 MB was 114 in one look.
 */
export function highestOfEach(hours: number, samples: readonly Sample[]): Sample[] {
  const windowOf = (sample: Sample | undefined): number =>
    Math.floor(((sample?.hours ?? 0) - (samples[0]?.hours ?? 0)) / hours)
  const last = windowOf(samples.at(-1))
  const highest = new Map<number, Sample>()
  for (const sample of samples) {
    const window = windowOf(sample)
    if (window === last) break
    if (sample.bytes > (highest.get(window)?.bytes ?? -1)) highest.set(window, sample)
  }
  return [...highest.values()]
}
