/**
 * What the server sends over the WebSocket. The types are inferred from the schemas, the reference at `/docs` is made of them;
 * the server itself never parses what it sends.
 */
import { z } from 'zod'
import { conversationId, deviceId, messageId, millis, nonce, seq, userId } from '../domain/fields.ts'
import { body } from './body.ts'
import { ERRORS, type ErrorCode } from './errors.ts'
import { position, ref } from './fields.ts'
import { LIMITS } from './limits.ts'

export const role = z
  .enum(['admin', 'member'])
  .meta({ description: 'Admins add, remove and name people and change the group.' })
export const member = z.object({ userId, role })
export const retention = z.discriminatedUnion('mode', [
  z.object({ mode: z.literal('permanent') }),
  z.object({ mode: z.literal('until-delivered'), seconds: z.int() }),
  z.object({ mode: z.literal('ttl'), seconds: z.int() }),
])
export const temporary = z
  .object({ mode: z.enum(['until-delivered', 'ttl']), expiresAt: millis })
  .meta({ description: 'Its body is not kept for ever: at this time at the latest it is gone.' })
export const errorCode = z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]])

const limits = z.object(
  Object.fromEntries(Object.keys(LIMITS).map((name) => [name, z.int()])),
) as unknown as z.ZodType<typeof LIMITS>

const welcome = z
  .object({
    t: z.literal('welcome'),
    userId,
    deviceId,
    node: z.string().meta({ description: 'The api node that this socket is connected to.' }),
    protocol: z.literal(1).meta({ description: 'The version of the protocol.' }),
    position: position.meta({ description: 'Where this device’s catching up begins.' }),
    expiresAt: millis.meta({ description: 'The token of this socket ends: `renew` it before.' }),
    heartbeatMs: z.int().meta({
      description:
        'How often a client gives a sign of life, at least by answering the pings of WebSocket. After six times as long without one it is taken for gone.',
    }),
    retryAfterMs: z.int().meta({
      description:
        'How long to wait before connecting again, should this connection end without saying so itself: another time for everybody, so that a node that dies is no stampede.',
    }),
    limits: limits.meta({ description: 'The limits of the protocol, by name.' }),
    rate: z.object({ perSecond: z.int(), burst: z.int(), costs: z.record(z.string(), z.int()) }).meta({
      description:
        'How much this socket may send: each frame takes its cost, 1 unless it is named, out of what flows in. 0: as much as it likes.',
    }),
  })
  .meta({ description: 'The first frame: who and where you are, and what is allowed.' })

const live = z
  .object({ t: z.literal('live'), position })
  .meta({ description: 'Everything up to `position` has been sent to this device.' })

const sent = z
  .object({ t: z.literal('sent'), ref, conversationId, messageId, seq, at: millis })
  .meta({ description: 'The message is durable. A resend gets the same answer.' })

const message = z
  .object({
    t: z.literal('message'),
    conversationId,
    seq,
    messageId,
    senderId: userId,
    deviceId,
    at: millis,
    nonce: nonce.meta({ description: 'With `clientAt`, for checking the `messageId`.' }),
    clientAt: millis,
    temporary: temporary.exactOptional(),
    body: body.exactOptional().meta({ description: 'What was said. Absent where it is `gone`.' }),
    gone: z
      .enum(['deleted', 'erased', 'expired'])
      .exactOptional()
      .meta({ description: 'Why there is no `body`, where there is none.' }),
  })
  .meta({ description: 'To every other device of every member, the sender’s own included.' })

const receipt = z
  .object({
    t: z.literal('receipt'),
    ref: ref.exactOptional(),
    conversationId,
    userId,
    kind: z.enum(['delivered', 'read']).meta({ description: 'What the person has done.' }),
    upTo: seq.meta({ description: 'All messages up to this one.' }),
    at: millis,
  })
  .meta({
    description:
      'To the people whose messages it covers and to the person’s other devices; with `ref` to the device that asked for it: the receipt is durable.',
  })

const deleted = z
  .object({
    t: z.literal('deleted'),
    ref: ref.exactOptional(),
    conversationId,
    seq,
    messageId,
    at: millis,
    reason: z
      .literal('expired')
      .exactOptional()
      .meta({ description: 'Its time to live is over. Absent: its sender has deleted it for everyone.' }),
  })
  .meta({ description: 'The words of a message are no more: its sender deleted it, or its time is over.' })

const memberChange = z
  .object({
    t: z.literal('member'),
    conversationId,
    userId,
    change: z.enum(['added', 'removed', 'role']).meta({ description: 'What became of `userId`.' }),
    role: role.exactOptional().meta({ description: 'With `change: "role"`: the new one.' }),
    by: userId,
    at: millis,
  })
  .meta({
    description:
      'Somebody came into a group (as a member, whatever they were before), is in it no more, or has another role.',
  })

const conversation = z
  .object({
    t: z.literal('conversation'),
    conversationId,
    change: z
      .enum(['renamed', 'retention'])
      .exactOptional()
      .meta({ description: 'What has changed. Absent: the person is in it from now on.' }),
    by: userId.exactOptional().meta({ description: 'With `change`: who changed it.' }),
    kind: z.enum(['direct', 'group']).meta({ description: 'Of two people, or a group.' }),
    title: z.string().exactOptional().meta({ description: 'Absent where it has none.' }),
    retention: retention.exactOptional().meta({ description: 'How long bodies are kept. Absent: for ever.' }),
    memberCount: z.int().meta({ description: 'How many people are in it.' }),
    members: z
      .array(member)
      .readonly()
      .exactOptional()
      .meta({ description: 'Absent in large groups: `GET /v1/conversations/:id` has them all.' }),
    lastSeq: seq.meta({ description: 'That of its last message.' }),
    at: millis,
  })
  .meta({
    description:
      'A conversation that this person is in from now on; with `change`, one that they are in, as it is from now on.',
  })

const renewed = z
  .object({ t: z.literal('renewed'), ref: ref.exactOptional(), expiresAt: millis })
  .meta({ description: 'The new token counts from now on, and ends at `expiresAt`.' })
const presence = z
  .object({
    t: z.literal('presence'),
    userId,
    online: z.boolean().meta({ description: 'Whether a device of theirs is connected.' }),
    lastSeen: millis.nullable().meta({ description: 'Null: never seen, or not shown to this person.' }),
  })
  .meta({ description: 'Somebody who is watched, as they are now; at most once a second each.' })

const typing = z
  .object({ t: z.literal('typing'), conversationId, userId })
  .meta({ description: 'Somebody is typing. It is over when their message comes, or after a few seconds.' })

const error = z
  .object({
    t: z.literal('error'),
    ref: ref.exactOptional(),
    code: errorCode.meta({ description: 'Stable: one of the error codes below.' }),
    message: z.string().meta({ description: 'For people: what is wrong.' }),
    retryable: z.boolean().meta({ description: 'Whether the same frame may be accepted later.' }),
    retryAfterMs: z.int().exactOptional().meta({ description: 'How long to wait before that.' }),
  })
  .meta({ description: 'A frame was refused. The connection stays open unless the code says otherwise.' })

const pong = z.object({ t: z.literal('pong'), ref: ref.exactOptional(), position }).meta({
  description:
    'The answer to `ping`: everything up to `position` has been sent to this device. It may be a minute old.',
})

export const serverFrame = z.discriminatedUnion('t', [
  welcome,
  live,
  sent,
  message,
  receipt,
  deleted,
  memberChange,
  conversation,
  renewed,
  presence,
  typing,
  error,
  pong,
])

export type Ref = z.infer<typeof ref>
export type WelcomeFrame = Readonly<z.infer<typeof welcome>>
export type LiveFrame = Readonly<z.infer<typeof live>>
export type SentFrame = Readonly<z.infer<typeof sent>>
export type MessageFrame = Readonly<z.infer<typeof message>>
export type ReceiptFrame = Readonly<z.infer<typeof receipt>>
export type DeletedFrame = Readonly<z.infer<typeof deleted>>
export type MemberFrame = Readonly<z.infer<typeof memberChange>>
export type ConversationFrame = Readonly<z.infer<typeof conversation>>
export type RenewedFrame = Readonly<z.infer<typeof renewed>>
export type PresenceFrame = Readonly<z.infer<typeof presence>>
export type TypingFrame = Readonly<z.infer<typeof typing>>
export type ErrorFrame = Readonly<z.infer<typeof error>>
export type PongFrame = Readonly<z.infer<typeof pong>>

export type ServerFrame =
  | WelcomeFrame
  | LiveFrame
  | SentFrame
  | MessageFrame
  | ReceiptFrame
  | DeletedFrame
  | MemberFrame
  | ConversationFrame
  | RenewedFrame
  | PresenceFrame
  | TypingFrame
  | ErrorFrame
  | PongFrame
