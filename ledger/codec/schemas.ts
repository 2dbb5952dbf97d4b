/** The stored shape of each event type in its newest version. A change of shape is a new version with an upcast from the old. */
import { z } from 'zod'
import type { LedgerEvent, UserEvent } from '../../domain/events.ts'
import { conversationId, deviceId, messageId, millis, nonce, seq, userId } from '../../domain/fields.ts'

const role = z.enum(['admin', 'member'])
const range = { conversationId, userId, deviceId, fromSeq: seq, toSeq: seq }
const connection = { userId, deviceId, connection: z.string(), node: z.string() }
const sharing = z.enum(['shared', 'hidden'])
const hash = z.string().regex(/^[0-9a-f]{64}$/)
const seconds = z.int().min(1)
const retention = z.discriminatedUnion('mode', [
  z.object({ mode: z.literal('permanent') }),
  z.object({ mode: z.literal('until-delivered'), seconds }),
  z.object({ mode: z.literal('ttl'), seconds }),
])

/** Bodies are stored flat (`bodyHash`, `body`), so that the hash chain can leave `body` out. */
const messageSent = z.object({
  conversationId,
  seq,
  messageId,
  senderId: userId,
  deviceId,
  nonce,
  clientAt: millis,
  temporary: z.object({ mode: z.enum(['until-delivered', 'ttl']), expiresAt: millis }).optional(),
  bodyHash: hash,
  body: z.string().optional(),
})

/** Field by field: leaving two out of the others (`...rest`) costs as much as checking them all. */
function withSealedBody(stored: z.infer<typeof messageSent>): object {
  const { conversationId, seq, messageId, senderId, deviceId, nonce, clientAt, temporary, bodyHash } = stored
  const body = stored.body === undefined ? { hash: bodyHash } : { hash: bodyHash, bytes: stored.body }
  const fields = { conversationId, seq, messageId, senderId, deviceId, nonce, clientAt, body }
  return temporary === undefined ? fields : { temporary, ...fields }
}

interface EventSchema {
  readonly version: number
  readonly data: z.ZodType
  /**
   * The fields of the event, where they are not just those that are stored. No `transform` of zod's: what is behind one is
   * not compiled, and checking a message took 7.5 µs instead of 3.4.
   */
  readonly fields?: (data: never) => object
}

export const EVENT_SCHEMAS: Readonly<Record<LedgerEvent['type'], EventSchema>> = {
  ConversationStarted: {
    version: 1,
    data: z.object({
      conversationId,
      kind: z.enum(['direct', 'group']),
      members: z.array(z.object({ userId, role })),
      title: z.string().optional(),
      by: userId,
    }),
  },
  MemberAdded: {
    version: 1,
    data: z.object({ conversationId, userId, role, by: userId, afterSeq: seq }),
  },
  MemberRemoved: {
    version: 1,
    data: z.object({ conversationId, userId, by: userId, afterSeq: seq }),
  },
  MemberRoleChanged: { version: 1, data: z.object({ conversationId, userId, role, by: userId }) },
  ConversationRenamed: {
    version: 1,
    data: z.object({ conversationId, title: z.string().optional(), by: userId }),
  },
  MessageSent: { version: 2, data: messageSent, fields: withSealedBody },
  MessageDeleted: { version: 1, data: z.object({ conversationId, seq, messageId, by: userId }) },
  MessageExpired: {
    version: 1,
    data: z.object({
      conversationId,
      seq,
      messageId,
      reason: z.enum(['delivered', 'ttl', 'undelivered']),
    }),
  },
  RetentionChanged: { version: 1, data: z.object({ conversationId, retention, by: userId }) },
  MessageDelivered: { version: 1, data: z.object(range) },
  MessageRead: { version: 1, data: z.object(range) },
  DeliveryAttempted: {
    version: 1,
    data: z.object({
      conversationId,
      userId,
      deviceId: deviceId.optional(),
      fromSeq: seq,
      toSeq: seq,
      channel: z.enum(['socket', 'web-push']),
      attempt: z.int().min(1),
      outcome: z.enum(['pushed', 'offline', 'failed']),
      error: z.string().optional(),
    }),
  },
  DeliveryExhausted: {
    version: 1,
    data: z.object({ conversationId, userId, fromSeq: seq, toSeq: seq, attempts: z.int().min(0) }),
  },
  UserSeen: { version: 1, data: z.object({ userId, deviceId: deviceId.optional() }) },
  DeviceConnected: { version: 1, data: z.object(connection) },
  DeviceDisconnected: {
    version: 1,
    data: z.object({
      ...connection,
      reason: z.enum(['closed', 'replaced', 'node-lost']),
      seenAt: millis.optional(),
    }),
  },
  PrivacyChanged: { version: 1, data: z.object({ userId, lastSeen: sharing, readReceipts: sharing }) },
}

/** Those of streams that are about a person. */
export const USER_EVENTS: ReadonlySet<string> = new Set([
  'UserSeen',
  'DeviceConnected',
  'DeviceDisconnected',
  'PrivacyChanged',
] satisfies UserEvent['type'][])
