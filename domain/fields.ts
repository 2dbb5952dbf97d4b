/** The identifiers and counters as schemas: parsing yields the branded types. Used at every boundary, wire and ledger alike. */
import { z } from 'zod'
import type { ConversationId, DeviceId, MessageId, Millis, Seq, UserId } from './ids.ts'

const branded = <T>(schema: z.ZodType): z.ZodType<T> => schema as z.ZodType<T>

const matching = (pattern: RegExp, what: string, is: string) =>
  z
    .string()
    .regex(pattern, `must be ${what}`)
    .meta({ description: `${is}: ${what}` })

export const userId = branded<UserId>(
  matching(/^[A-Za-z0-9._:@-]{1,128}$/, '1 to 128 of A-Z a-z 0-9 . _ : @ -', 'A person'),
)
export const deviceId = branded<DeviceId>(
  matching(/^[A-Za-z0-9._-]{1,64}$/, '1 to 64 of A-Z a-z 0-9 . _ -', 'A device of a person'),
)
export const conversationId = branded<ConversationId>(
  matching(
    /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
    'a UUID in lower case',
    'A conversation',
  ),
)
export const messageId = branded<MessageId>(
  matching(/^[0-9a-f]{64}$/, 'a SHA-256 in 64 lower-case hex digits', 'A message, by what it says'),
)
export const nonce = matching(
  /^[A-Za-z0-9_-]{16,64}$/,
  '16 to 64 of A-Z a-z 0-9 _ -',
  'Drawn at random for each message',
)
/** Up to the largest time a JavaScript Date can hold. */
export const millis = branded<Millis>(z.int().min(0).max(8.64e15).meta({ description: 'Unix milliseconds.' }))
export const seq = branded<Seq>(
  z.int().min(0).meta({
    description: 'The number of a message in its conversation; 0 stands before the first.',
  }),
)
