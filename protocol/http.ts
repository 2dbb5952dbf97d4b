/** What clients send over HTTP: paths, queries and bodies. */
import { z } from 'zod'
import { conversationId, deviceId, messageId, millis, nonce, userId } from '../domain/fields.ts'
import type { DeviceId, Seq } from '../domain/ids.ts'
import { UNDELIVERED_SECONDS } from '../domain/retention.ts'
import { body } from './body.ts'
import { atMost, position, title, wellFormed } from './fields.ts'
import { LIMITS } from './limits.ts'

/** A number in a path or a query: digits, and not whatever else `Number` takes (`0x10`, `1e1`, a blank). */
const inUrl = <T extends z.ZodType>(number: T) =>
  z.preprocess((given, context) => {
    if (typeof given !== 'string') return given
    if (DECIMAL.test(given)) return Number(given)
    context.addIssue({ code: 'custom', message: 'must be a number, in digits' })
    return z.NEVER
  }, number)
const DECIMAL = /^\d+(\.\d+)?$/

const limit = inUrl(z.int().min(1).max(LIMITS.pageSize))
  .default(50)
  .meta({ description: 'How much a page has at most. Absent: 50.' })
const cursor = (length: number) =>
  z
    .string()
    .max(length)
    .optional()
    .meta({ description: 'What the page before gave as `next`, as it came. Absent: the first page.' })
const seqInUrl = (what: string) =>
  inUrl(
    z
      .int()
      .min(0)
      .max(2 ** 31 - 1),
  ).meta({ description: what }) as unknown as z.ZodType<Seq>

export const conversationPath = z.object({ id: conversationId })
export const userPath = z.object({ id: userId })
export const memberPath = z.object({ id: conversationId, userId })
export const messagePath = z.object({
  id: conversationId,
  seq: seqInUrl('The number of the message in its conversation.'),
})

/** How long they may be is told by the accounts; neither is ever repeated in an error. */
export const credentials = z.object({ name: wellFormed, password: wellFormed })

export const refresh = z.object({ refreshToken: z.string().max(256) })

const seconds = z.int().min(LIMITS.retentionMinSeconds).max(LIMITS.retentionMaxSeconds)
const retention = z.discriminatedUnion('mode', [
  z.object({ mode: z.literal('permanent') }),
  z.object({ mode: z.literal('until-delivered'), seconds: seconds.default(UNDELIVERED_SECONDS) }),
  z.object({ mode: z.literal('ttl'), seconds }),
])

export const startConversation = z.object({
  kind: z.enum(['direct', 'group']),
  members: atMost(LIMITS.groupMembers, 'people', z.array(userId)),
  title: title.optional(),
  retention: retention.optional(),
})

/** What is absent stays as it is. */
export const changeConversation = z
  .object({ title: title.nullable().optional(), retention: retention.optional() })
  .refine(({ title, retention }) => title !== undefined || retention !== undefined, 'nothing to change')

export const changeMember = z.object({ role: z.enum(['admin', 'member']) })

export const addMembers = z.object({
  userIds: atMost(LIMITS.membersPerRequest, 'people a request', z.array(userId).min(1)),
})

export const sendMessage = z.object({ messageId, nonce, clientAt: millis, body, deviceId })

const sharing = z.enum(['shared', 'hidden'])
/** What is absent stays as it is. */
export const privacyChange = z.object({ lastSeen: sharing.optional(), readReceipts: sharing.optional() })

export const inboxQuery = z.object({ after: cursor(64), limit })

export const historyQuery = z
  .object({
    before: seqInUrl('Only messages with a lower number, the newest of them.').optional(),
    after: seqInUrl('Only messages with a higher number, the oldest of them.').optional(),
    // The id first: 64 digits could be a seq too.
    around: z
      .union([messageId, seqInUrl('The number of the message in its conversation.')])
      .optional()
      .meta({ description: 'A message, by its number or its id, and what was said before and after it.' }),
    limit,
  })
  .refine(
    ({ before, after, around }) => [before, after, around].filter((bound) => bound !== undefined).length <= 1,
    'at most one of before, after and around',
  )

export const searchQuery = z.object({
  q: wellFormed
    .max(LIMITS.searchCharacters)
    .refine((text) => text.trim() !== '', 'is blank')
    .meta({
      description:
        'Words that all must be there, a `"phrase"` word by word, `-without`; a last word may be the beginning of one.',
    }),
  conversationId: conversationId
    .optional()
    .meta({ description: 'Only in this conversation. Absent: in all that the caller may read.' }),
  after: cursor(512),
  limit,
})

export const mentionsQuery = z.object({ after: cursor(64), limit })

const device = deviceId.default('default' as DeviceId).meta({
  description: 'Which device of the person this is: what it has acknowledged is known by this name.',
})

export const socketQuery = z.object({
  device,
  after: position.optional().meta({
    description:
      'The device has kept everything up to this position. Absent: up to what it has acknowledged.',
  }),
})

export const syncQuery = socketQuery.extend({
  wait: inUrl(z.number().min(0).max(LIMITS.syncWaitSeconds))
    .default(0)
    .meta({ description: 'Seconds to wait for a frame while there is none. Absent: 0.' }),
})

/** The frames are parsed one by one, as on a socket: each is answered for itself. */
export const syncFrames = z.object({
  device,
  frames: z.array(z.unknown()).min(1).max(LIMITS.framesPerArray),
})
