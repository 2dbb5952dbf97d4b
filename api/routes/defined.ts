/** For schemas with optional keys, whose values TypeScript takes for possibly `undefined`. */

/** Without the keys that are absent, as `exactOptionalPropertyTypes` wants it. */
export function definedOf<T extends object>(query: T) {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}
