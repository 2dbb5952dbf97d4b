/** What clients send over the WebSocket. Unknown fields are dropped, unknown types are a `bad_frame`. */
import { z } from 'zod'
import { conversationId, messageId, millis, nonce, userId } from '../domain/fields.ts'
import { body } from './body.ts'
import { atMost, position, ref, upTo } from './fields.ts'
import { LIMITS } from './limits.ts'

const send = z
  .object({
    t: z.literal('send'),
    ref,
    conversationId,
    messageId,
    nonce,
    clientAt: millis.meta({ description: 'When the client made it; Unix milliseconds.' }),
    body: body.meta({ description: 'A text, a file that was uploaded, or what only its members can open.' }),
  })
  .meta({
    description: 'Answered by `sent` when the message is durable; sending the same again is harmless.',
  })
const delivered = z
  .object({ t: z.literal('delivered'), conversationId, upTo, ref: ref.optional() })
  .meta({ description: 'This device has everything up to `upTo`. Answered by `receipt` if it has a `ref`.' })
const read = z.object({ t: z.literal('read'), conversationId, upTo, ref: ref.optional() }).meta({
  description: 'The person has read everything up to `upTo`. Answered by `receipt` if it has a `ref`.',
})
const deleteMessage = z
  .object({ t: z.literal('delete'), ref, conversationId, messageId })
  .meta({ description: 'Delete for everyone; sender only. Answered by `deleted`.' })
const typing = z.object({ t: z.literal('typing'), conversationId, ref: ref.optional() }).meta({
  description:
    'The person is typing. Told to the members who are online, at most once in 3 s; more are dropped silently.',
})
const active = z.object({ t: z.literal('active') }).meta({
  description: 'The person is using the app: moves when they were last seen. Once a minute is enough.',
})
const watched = atMost(LIMITS.watchedPeople, 'people are watched', z.array(userId))
const watch = z
  .object({
    t: z.literal('watch'),
    userIds: watched.meta({ description: 'Whom to watch.' }),
    ref: ref.optional(),
  })
  .meta({
    description:
      'Presence of these people, from now on; replaces the list. Answered by their current `presence`.',
  })
const ack = z.object({ t: z.literal('ack'), position }).meta({
  description: 'This device has kept all it was sent up to here; take positions from `live` and `pong`.',
})
const renew = z
  .object({ t: z.literal('renew'), ref: ref.optional(), token: z.string().meta({ description: 'A JWT.' }) })
  .meta({
    description:
      'A new token of the same person, before the one of this socket ends (`welcome.expiresAt`). Answered by `renewed`; without it the socket is closed with 4401 at its end.',
  })
const ping = z
  .object({ t: z.literal('ping'), ref: ref.optional() })
  .meta({ description: 'Answered by `pong`.' })

export const clientFrame = z.discriminatedUnion('t', [
  send,
  delivered,
  read,
  deleteMessage,
  typing,
  active,
  watch,
  ack,
  renew,
  ping,
])

export type SendFrame = z.infer<typeof send>
export type AcknowledgeFrame = z.infer<typeof delivered> | z.infer<typeof read>
export type DeleteFrame = z.infer<typeof deleteMessage>
export type TypingRequest = z.infer<typeof typing>
export type WatchFrame = z.infer<typeof watch>
export type AckFrame = z.infer<typeof ack>
export type RenewFrame = z.infer<typeof renew>
export type PingFrame = z.infer<typeof ping>
export type ClientFrame = z.infer<typeof clientFrame>
