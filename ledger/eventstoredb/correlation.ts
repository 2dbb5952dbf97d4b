/** The ids by which replies find their appends: different within their call alone, so a UUID whose last 48 bits count. */
import type shared from '@eventstore/db-client/generated/shared_pb.js'

export const correlationOf = (number: number): string =>
  `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`

export const numberOf = (correlation: string): number => Number.parseInt(correlation.slice(-12), 16)

/** Servers give it back as text or as two numbers. */
export function numberOfMessage(id: shared.UUID | undefined): number {
  const bits = id?.getStructured()?.getLeastSignificantBits()
  return bits === undefined ? numberOf(id?.getString() ?? '') : Number(BigInt.asUintN(48, BigInt(bits)))
}
