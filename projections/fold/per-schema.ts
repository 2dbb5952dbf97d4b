/** Statements that exist once per schema. Their text is made once: they are asked for with every batch. */
import type { Statement } from '../queries/statement.ts'
import type { ReadSchema } from '../schema.ts'

export function perSchema(make: (schema: ReadSchema) => Statement): (schema: ReadSchema) => Statement {
  const made = new Map<ReadSchema, Statement>()
  return (schema) => {
    const known = made.get(schema)
    if (known) return known
    const fresh = make(schema)
    made.set(schema, fresh)
    return fresh
  }
}
