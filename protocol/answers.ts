/** What the server answers over HTTP: the reference at `/docs` is made of it, and the types of our own client. */
import { z } from 'zod'
import { conversationId, deviceId, messageId, millis, nonce, seq, userId } from '../domain/fields.ts'
import { body } from './body.ts'
import { position } from './fields.ts'
import { errorCode, member, retention, role, serverFrame, temporary } from './server-frames.ts'

const ticks = z
  .enum(['sent', 'delivered', 'read'])
  .meta({ description: '✓ durable, ✓✓ every other member has it, blue every other member has read it.' })

export const problem = z
  .object({
    type: z.literal('about:blank'),
    status: z.int(),
    title: z.string(),
    code: errorCode,
    detail: z.string(),
    retryable: z.boolean(),
    retryAfterMs: z
      .int()
      .exactOptional()
      .meta({ description: 'When to come back; `Retry-After` says it in seconds.' }),
  })
  .meta({
    id: 'Problem',
    description: 'RFC 9457. Decide by `code` and `retryable`; the texts are for people.',
  })

export const conversation = z
  .object({
    conversationId,
    kind: z.enum(['direct', 'group']),
    title: z.string().exactOptional(),
    members: z.array(member),
    lastSeq: seq,
    retention,
  })
  .meta({ id: 'Conversation', description: 'A conversation and who is in it.' })

const message = z.object({
  conversationId,
  seq,
  messageId,
  senderId: userId,
  deviceId,
  at: millis,
  nonce,
  clientAt: millis,
  temporary: temporary.exactOptional(),
  body: body.exactOptional(),
  gone: z
    .enum(['deleted', 'erased', 'expired'])
    .exactOptional()
    .meta({ description: 'Why there is no `body`, where there is none.' }),
})

const historyMessage = message
  .extend({ ticks: ticks.exactOptional().meta({ description: 'Of one’s own messages.' }) })
  .meta({ id: 'Message', description: 'A message as the caller may see it.' })

const unread = {
  unread: z.int().meta({ description: 'Messages of others that the person has not read.' }),
  firstUnreadSeq: seq.nullable().meta({
    description:
      'The first of them: the line goes above it. Null, too, where it comes after 10,000 of one’s own.',
  }),
  earliestUnreadAt: millis.nullable(),
}

export const historyPage = z.object({
  messages: z.array(historyMessage),
  hasMoreBefore: z.boolean(),
  hasMoreAfter: z.boolean(),
  ...unread,
  readUpTo: seq,
})

const next = z.string().exactOptional().meta({ description: 'For `after`; absent on the last page.' })
const upToDate = z
  .boolean()
  .meta({ description: '`false`: the index is behind, and the newest messages may be missing.' })
const offset = z.int().min(0)

const searchResult = message
  .extend({
    snippet: z.string().meta({ description: 'The part of the text, or of caption and name, that matches.' }),
    matches: z
      .array(z.tuple([offset, offset]))
      .meta({ description: 'Of `snippet`, in UTF-16 code units; the end is exclusive.' }),
    score: z.number().min(0).max(1).meta({ description: 'How well it matches and how new it is.' }),
  })
  .meta({ id: 'SearchResult', description: 'A message that matches, and where.' })

export const searchResults = z.object({ results: z.array(searchResult), upToDate, next })

export const mentionsPage = z.object({ mentions: z.array(message), upToDate, next })

export const sentMessage = z
  .object({ conversationId, messageId, seq, at: millis })
  .meta({ description: 'The message is durable. The same for a resend.' })

export const messageInfo = z
  .object({
    conversationId,
    seq,
    messageId,
    sentAt: millis,
    receipts: z.array(
      z.object({
        userId,
        member: z.boolean().meta({ description: 'Whether the person still is one.' }),
        deliveredAt: millis.nullable(),
        devices: z.array(z.object({ deviceId, deliveredAt: millis })),
        readAt: millis.nullable(),
        readDeviceId: deviceId.nullable(),
      }),
    ),
  })
  .meta({ description: 'Of every other member: when it arrived, on which devices, and when it was read.' })

const inboxEntry = z.object({
  conversationId,
  kind: z.enum(['direct', 'group']),
  title: z.string().nullable(),
  peerId: userId.nullable().meta({ description: 'The other one of a direct conversation.' }),
  role,
  member: z.boolean().meta({ description: '`false` for a conversation that the caller has left.' }),
  lastMessage: message.nullable(),
  ...unread,
  deliveredUpTo: seq,
  readUpTo: seq,
  lastOwnMessage: z.object({ seq, at: millis, ticks }).nullable(),
})

export const inboxPage = z.object({
  conversations: z.array(inboxEntry),
  next,
})

export const presence = z
  .object({ userId, online: z.boolean(), lastSeen: millis.nullable() })
  .meta({ description: 'As the caller may see it; `lastSeen` is null where it is not shared, or never was.' })

export const privacy = z
  .object({ lastSeen: z.enum(['shared', 'hidden']), readReceipts: z.enum(['shared', 'hidden']) })
  .meta({
    description: 'What others are shown of the caller. Who hides something does not see it of others.',
  })

export const socketTicket = z.object({ ticket: z.string(), expiresInSeconds: z.int() })

export const syncPage = z
  .object({
    frames: z.array(serverFrame),
    position: position.meta({ description: 'Where to go on: the `after` of the next poll.' }),
    more: z.boolean().meta({ description: 'There is another page, at once.' }),
  })
  .meta({ description: 'What a socket would have been sent, in the order in which it happened.' })

export const gatewayList = z
  .object({ gateways: z.array(z.object({ node: z.string(), url: z.string() })) })
  .meta({ description: 'Nodes to connect to, best first.' })

export const syncAnswers = z
  .object({ frames: z.array(serverFrame) })
  .meta({ description: 'The answers, each with the `ref` of its frame.' })

export const signedIn = z
  .object({
    userId,
    token: z.string().meta({ description: 'For `Authorization: Bearer`; ends at `expiresAt`.' }),
    refreshToken: z.string().meta({ description: 'For one `POST /v1/auth/refresh`, within 30 days.' }),
    expiresAt: millis,
  })
  .meta({ id: 'SignedIn', description: 'Who you are from now on, and what proves it.' })

export const alive = z.object({ status: z.literal('alive') })

const check = z.object({ ok: z.boolean(), detail: z.string().exactOptional() })
const parts = {
  database: check,
  ledger: check,
  projections: check.extend({ lagSeconds: z.number().exactOptional() }),
}
export const readiness = z.object({ status: z.literal('ready'), ...parts })
export const notReady = problem
  .extend(parts)
  .meta({ id: 'NotReady', description: 'A problem, with what each part says as members of its own.' })

export type SignedIn = Readonly<z.infer<typeof signedIn>>
export type Conversation = Readonly<z.infer<typeof conversation>>
export type HistoryMessage = Readonly<z.infer<typeof historyMessage>>
export type MessageInfo = Readonly<z.infer<typeof messageInfo>>
