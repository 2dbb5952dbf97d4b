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
