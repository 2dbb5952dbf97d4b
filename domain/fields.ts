/** The identifiers and counters as schemas: parsing yields the branded types. Used at every boundary, wire and ledger alike. */
import { z } from 'zod'
import type { ConversationId, DeviceId, MessageId, Millis, Seq, UserId } from './ids.ts'

const branded = <T>(schema: z.ZodType): z.ZodType<T> => schema as z.ZodType<T>

export const userId = branded<UserId>(
  z.string().regex(/^[A-Za-z0-9._:@-]{1,128}$/, 'must be 1 to 128 of A-Z a-z 0-9 . _ : @ -'),
)
export const deviceId = branded<DeviceId>(
  z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ -'),
)
export const conversationId = branded<ConversationId>(
  z
    .string()
    .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'must be a UUID in lower case'),
)
export const messageId = branded<MessageId>(
  z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in 64 lower-case hex digits'),
)
export const nonce = z.string().regex(/^[A-Za-z0-9_-]{16,64}$/, 'must be 16 to 64 of A-Z a-z 0-9 _ -')
/** Up to the largest time a JavaScript Date can hold. */
export const millis = branded<Millis>(z.int().min(0).max(8.64e15))
/** 0 stands before the first message. */
export const seq = branded<Seq>(z.int().min(0))
