/** How a memory grows, and whether that is more than it may. Pure. */
import { bytesPerHour, type Sample } from './slope.ts'

export interface Growth {
  readonly name: string
  /** Bytes an hour that are allowed. */
  readonly limit: number
  /** Bytes, of the first sample and the last; 0 where there is none. */
  readonly first: number
  readonly last: number
  /** `undefined` where too little was seen to tell. */
  readonly perHour: number | undefined
  /** Why so little was seen, if that is known. */
  readonly failure?: Error | undefined
}

export interface Seen extends Pick<Growth, 'name' | 'limit' | 'failure'> {
  readonly samples: readonly Sample[]
  /** With fewer samples there is no slope. */
  readonly atLeast: number
  /** Whose first and last are told where there are no samples. */
  readonly otherwise?: readonly Sample[]
}

export const growthOf = ({ name, limit, samples, atLeast, otherwise = [], failure }: Seen): Growth => ({
  name,
  limit,
  first: (samples[0] ?? otherwise[0])?.bytes ?? 0,
  last: (samples.at(-1) ?? otherwise.at(-1))?.bytes ?? 0,
  perHour: samples.length < atLeast ? undefined : bytesPerHour(samples),
  failure,
})

/** Empty if each is known to grow by no more than it may. */
export const whatGrew = (growths: readonly Growth[]): string[] =>
  growths.flatMap(({ name, limit, perHour, failure }) => {
    if (perHour === undefined)
      return [`soak: how ${name} grows was not seen${failure ? `: ${failure.message}` : ''}`]
    if (perHour <= limit) return []
    return [`soak: ${name} grows by ${megabytes(perHour)} MB an hour, ${megabytes(limit)} are allowed`]
  })

export const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)
