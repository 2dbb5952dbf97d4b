/**
 * The schema of message bodies, and the one limit that has its own error code. Fields that are unknown here are kept:
 * the sender's messageId covers them.
 */
import { z } from 'zod'
import type { Body } from '../domain/body.ts'
import { messageId } from '../domain/fields.ts'
import { longerThan, wellFormed } from './fields.ts'
import { LIMITS } from './limits.ts'

const replyTo = messageId.optional()
const name = wellFormed.min(1).max(255)

const text = z.looseObject({ kind: z.literal('text'), text: wellFormed.min(1), replyTo })

/** A type, and whatever parameters come with it: `audio/ogg; codecs=opus`. */
const MIME = /^[\w.+-]{1,64}\/[\w.+-]{1,64}( ?; ?[\w.+-]+=([\w.+-]+|"[\w ,.+-]*"))*$/

const media = z.looseObject({
  kind: z.literal('media'),
  mediaId: z.string().regex(/^[A-Za-z0-9_-]{1,128}$/, 'must be 1 to 128 of A-Z a-z 0-9 _ -'),
  name,
  mime: z.string().max(255).regex(MIME, 'must be a media type, such as image/png'),
  size: z.int().min(0),
  caption: wellFormed.optional(),
  width: z.int().min(1).optional(),
  height: z.int().min(1).optional(),
  replyTo,
})

const sealed = z.looseObject({
  kind: z.literal('sealed'),
  suite: z.string().regex(/^[\x20-\x7e]{1,64}$/, 'must be 1 to 64 printable ASCII characters'),
  data: z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/, 'must be base64'),
  replyTo,
})

/** Deep enough for anything sensible, shallow enough that no recursion over a body can exhaust the stack. */
const MAX_DEPTH = 8

export const body = z
  .discriminatedUnion('kind', [text, media, sealed])
  .refine(
    (content) => isPlain(content, MAX_DEPTH),
    `nested deeper than ${MAX_DEPTH}, or with a number that JSON cannot say again (1e400)`,
  ) as unknown as z.ZodType<Body>

/** What a well-formed body has too much of (`too_large` rather than `bad_frame`); undefined if it keeps its limit. */
export function excessOf(content: Body): string | undefined {
  switch (content.kind) {
    case 'text':
      return longerThan(content.text, LIMITS.textCharacters)
        ? `a text has at most ${LIMITS.textCharacters} characters`
        : undefined
    case 'media':
      return content.caption !== undefined && longerThan(content.caption, LIMITS.textCharacters)
        ? `a caption has at most ${LIMITS.textCharacters} characters`
        : undefined
    case 'sealed':
      return content.data.length > LIMITS.sealedCharacters
        ? `a sealed body has at most ${LIMITS.sealedCharacters} characters of base64`
        : undefined
    default:
      return content satisfies never
  }
}

/**
 * One walk, which goes no deeper than the levels that are left: zod goes on to the next check of a value that the one before has refused. What
 * is too large for a double is read as infinite, which no JSON can say again: the id would cover something else.
 */
function isPlain(value: unknown, levels: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((inner) => isPlain(inner, levels - 1))
}
