/** Columns of many rows as Postgres array literals, one parameter each, for `unnest`. */

export type Nullable<T> = T | null | undefined

/**
 * Our own literals instead of `pg`'s arrays: it escapes every element with a regular expression and builds nested lists,
 * which took a third of the time of a batch.
 */
export function numbers<Row>(rows: readonly Row[], value: (row: Row) => Nullable<number | bigint>): string {
  let literal = '{'
  for (const row of rows) literal += `${literal.length > 1 ? ',' : ''}${value(row) ?? 'NULL'}`
  return `${literal}}`
}

/** For text that needs no escapes: UUIDs, hex, base64 and the identifiers of the domain. */
export function plain<Row>(rows: readonly Row[], value: (row: Row) => Nullable<string>): string {
  let literal = '{'
  for (const row of rows) {
    const text = value(row)
    const separator = literal.length > 1 ? ',' : ''
    // Quoted, because somebody may be called "null".
    literal += text === null || text === undefined ? `${separator}NULL` : `${separator}"${text}"`
  }
  return `${literal}}`
}

const NEEDS_ESCAPE = /["\\\0]/

/** For text that people or programs wrote. NUL, which Postgres text cannot hold, is left out. */
export function written<Row>(rows: readonly Row[], value: (row: Row) => Nullable<string>): string {
  return plain(rows, (row) => {
    const text = value(row)
    if (text === null || text === undefined || !NEEDS_ESCAPE.test(text)) return text
    return text.replaceAll('\0', '').replaceAll(/["\\]/g, '\\$&')
  })
}
