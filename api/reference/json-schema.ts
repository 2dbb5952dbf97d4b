/** From the schemas of the protocol to JSON Schema as readers need it: fields may be added, so others than these are allowed. */
import { z } from 'zod'

export interface JsonSchema {
  readonly [keyword: string]: unknown
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
}

export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...converted } = z.toJSONSchema(schema, { override: open, reused: 'inline' })
  return converted as JsonSchema
}

/** zod says of an object that is written that it has no more fields. For readers the next version may have. */
export function open({ jsonSchema }: { readonly jsonSchema: Record<string, unknown> }): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
  // Said of immutable TypeScript, not of what is on the wire.
  delete jsonSchema.readOnly
}
