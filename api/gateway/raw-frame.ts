/** What can be told of what came over a socket before it is known to be a frame. Cheap: of a flood each is asked this, and no more. */
import type { ClientFrame } from '../../protocol/client-frames.ts'
import { isRef } from '../../protocol/fields.ts'
import type { Ref } from '../../protocol/server-frames.ts'

export function parseJson(data: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(data) }
  } catch {
    return undefined
  }
}

/** The client's mark, even of a frame that is wrong otherwise. */
export function refOf(value: unknown): Ref | undefined {
  const ref = (value as { ref?: unknown } | null)?.ref
  return isRef(ref) ? ref : undefined
}

export const typeOf = (value: unknown): unknown => (value as { t?: unknown } | null)?.t

const KNOWN_TYPES: ReadonlySet<unknown> = new Set([
  'send',
  'delivered',
  'read',
  'delete',
  'typing',
  'active',
  'watch',
  'ack',
  'renew',
  'ping',
] satisfies ClientFrame['t'][])

export const TYPES_OF_CLIENTS: string = [...KNOWN_TYPES].join(', ')

export const isOfKnownType = (value: unknown): boolean => KNOWN_TYPES.has(typeOf(value))

export const isOfUnknownType = (value: unknown): boolean =>
  typeof typeOf(value) === 'string' && !isOfKnownType(value)
