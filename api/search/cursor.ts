/** Where the next page of a search begins. Opaque to clients; anything may come back from them. */
import { z } from 'zod'
import { millis } from '../../domain/fields.ts'
import type { Millis } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'

/** Above every message. */
export const TOP = (2n ** 63n - 1n) as Position

export interface SearchCursor {
  /** The window (`page.ts`) is below this position. */
  readonly below: Position
  /** When the first page was asked for. */
  readonly now: Millis
  /** Within a window: where it ends, and the last hit that was given of it. */
  readonly within?: { readonly above: Position; readonly score: number; readonly position: Position }
}

const position = z
  .string()
  .regex(/^\d{1,19}$/)
  .transform((digits) => BigInt(digits) as Position)
  .refine((value) => value <= TOP)

const cursor = z.object({
  below: position,
  now: millis,
  within: z.object({ above: position, score: z.number(), position }).optional(),
})

export const encodeCursor = (value: SearchCursor): string =>
  Buffer.from(
    JSON.stringify(value, (_, field) => (typeof field === 'bigint' ? String(field) : field)),
  ).toString('base64url')

/** Null for what no page has given. */
export function decodeCursor(text: string): SearchCursor | null {
  try {
    const parsed = cursor.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')))
    return parsed.success ? (parsed.data as SearchCursor) : null
  } catch {
    return null
  }
}
