/**
 * Canonical JSON (RFC 8785) of events, for hashing. Equal to the `canonicalize` package for everything an event can hold,
 * at less than half its time (7 against 17 µs an event, three events a message); a test holds the two together.
 *
 * ECMAScript's own number and string formats are those of the RFC, so only the order of keys is left to do. Keys that look
 * like array indexes would be put first by JavaScript, whatever their place; no event has such keys.
 */
export const canonicalJson = (value: unknown): string => JSON.stringify(withSortedKeys(value))

function withSortedKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withSortedKeys)
  const sorted: Record<string, unknown> = {}
  // The default order of `sort` is by UTF-16 code units, as the RFC wants it.
  for (const key of Object.keys(value).sort()) sorted[key] = withSortedKeys((value as typeof sorted)[key])
  return sorted
}
