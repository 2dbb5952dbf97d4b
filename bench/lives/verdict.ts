/** What a run of pairs must not have done. */
import type { Tally } from './pair.ts'

/** Empty if every message that was sent was read, once and in order, and at least one was. */
export function whatPairsBroke(name: string, tally: Tally): string[] {
  const { sent, read, lost, doubled, outOfOrder, errors } = tally
  const codes = Object.entries(errors).map(([code, count]) => `${code} ${count}`)
  if (sent > 0 && sent === read && lost + doubled + outOfOrder + codes.length === 0) return []
  return [
    `${name}: ${sent} sent, ${read} read, ${lost} lost, ${doubled} doubled, ${outOfOrder} out of order, errors: ${codes.join(', ') || 'none'}`,
  ]
}
