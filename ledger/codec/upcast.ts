/** Brings stored data of an older schema version to the next one, step by step. Pure: `type@n → n+1`. */

type Upcast = (data: unknown) => unknown

/** Keyed `Type@n`: from version n to n+1. */
const UPCASTS: Readonly<Record<string, Upcast>> = {
  // `temporary` came, and what has none is kept for ever, as before.
  'MessageSent@1': (data) => data,
}

/** `undefined` when a step is missing, which only an event of a newer program can cause. */
export function upcast(
  type: string,
  stored: number,
  newest: number,
  data: unknown,
  steps: Readonly<Record<string, Upcast>> = UPCASTS,
): { readonly data: unknown } | undefined {
  let current = data
  for (let version = stored; version < newest; version++) {
    const step = steps[`${type}@${version}`]
    if (!step) return undefined
    current = step(current)
  }
  return stored <= newest ? { data: current } : undefined
}
