/**
 * Canonical JSON (RFC 8785): keys in the order of their UTF-16 code units, no spaces. What ids and the hash chain cover.
 *
 * ECMAScript's own number and string formats are those of the RFC, so only the order of keys is left to do, and whoever
 * makes a value with its keys in order gets it at the price of `JSON.stringify`: 2 µs an event, against 7 for a copy with sorted keys
 * and 17 for the `canonicalize` package, four times a message. A test holds this and that package together.
 */
export const canonicalJson = (value: unknown): string =>
  isInOrder(value) ? JSON.stringify(value) : sorted(value)

/** Whether every object below has its keys in the canonical order, which is the order they are written in. */
function isInOrder(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(isInOrder)
  let before = ''
  for (const key in value) {
    if (key < before || !isInOrder((value as Record<string, unknown>)[key])) return false
    before = key
  }
  return true
}

function sorted(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item) => sorted(item ?? null)).join(',')}]`
  const fields = value as Record<string, unknown>
  // The default order of `sort` is by UTF-16 code units.
  const members = Object.keys(fields)
    .sort()
    .filter((key) => fields[key] !== undefined)
    .map((key) => `${JSON.stringify(key)}:${sorted(fields[key])}`)
  return `{${members.join(',')}}`
}
