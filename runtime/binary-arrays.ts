/** Columns of many rows as Postgres arrays in binary format, for texts of which nothing is to be escaped or searched for. */

/** `pg_type.oid` of `json`, as `pg_type.dat` has it for good. */
const JSON_OID = 114
/** Number of dimensions, whether there are nulls, type of the elements; of the one dimension its length and its first index. */
const HEADER_BYTES = 20

/** `json[]`, as `array_recv` reads it (PostgreSQL, `src/backend/utils/adt/arrayfuncs.c`). `pg` sends a buffer as it is, and in binary format. */
export function jsonArray<Row>(rows: readonly Row[], json: (row: Row) => string): Buffer {
  let size = HEADER_BYTES
  for (const row of rows) size += 4 + Buffer.byteLength(json(row))
  const array = Buffer.allocUnsafe(size)
  array.writeInt32BE(1, 0)
  array.writeInt32BE(0, 4)
  array.writeInt32BE(JSON_OID, 8)
  array.writeInt32BE(rows.length, 12)
  array.writeInt32BE(1, 16)
  let end = HEADER_BYTES
  for (const row of rows) {
    const length = array.write(json(row), end + 4)
    array.writeInt32BE(length, end)
    end += 4 + length
  }
  return array
}
