/** The straight line through what was measured. Pure. */

export interface Sample {
  readonly hours: number
  readonly bytes: number
}

/** Least squares; 0 for fewer than two samples. */
export function bytesPerHour(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length
  const [hours, bytes] = [mean((sample) => sample.hours), mean((sample) => sample.bytes)]
  const spread = samples.reduce((sum, sample) => sum + (sample.hours - hours) ** 2, 0)
  const together = samples.reduce((sum, sample) => sum + (sample.hours - hours) * (sample.bytes - bytes), 0)
  return spread > 0 ? together / spread : 0
}

/**
 * The lowest of each so many hours, of whole windows only. A process whose memory is collected goes up and down by a third in a few minutes,
 * and a line through all of it leans by where it happens to begin and end; what is kept for good raises the lowest too.
 */
export function lowestOfEach(hours: number, samples: readonly Sample[]): Sample[] {
  const windowOf = (sample: Sample | undefined): number =>
    Math.floor(((sample?.hours ?? 0) - (samples[0]?.hours ?? 0)) / hours)
  const last = windowOf(samples.at(-1))
  const lowest = new Map<number, Sample>()
  for (const sample of samples) {
    const window = windowOf(sample)
    if (window === last) break
    if (sample.bytes < (lowest.get(window)?.bytes ?? Number.POSITIVE_INFINITY)) lowest.set(window, sample)
  }
  return [...lowest.values()]
}
