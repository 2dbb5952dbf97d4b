/** Random histories for properties: any commands by any people, as far as the deciders accept them. */
import fc from 'fast-check'
import type { DeviceId, Seq, UserId } from '../../domain/ids.ts'
import { conversationNumber, createPast, type Past, type PastOptions } from './recorded-events.ts'

/** One thing that happens. The numbers choose among what there is at that moment. */
export interface Happening {
  readonly what:
    | 'start-direct'
    | 'start-group'
    | 'send'
    | 'deliver'
    | 'read'
    | 'delete'
    | 'retain'
    | 'expire'
    | 'add'
    | 'remove'
    | 'leave'
    | 'role'
    | 'rename'
    | 'attempt'
    | 'exhaust'
    | 'elsewhere'
    | 'connect'
    | 'disconnect'
    | 'see'
    | 'privacy'
  readonly conversation: number
  readonly person: number
  readonly other: number
  readonly device: number
  /** Where between the first and the last message, 0 to 1. */
  readonly how: number
}

export const PEOPLE = ['ann', 'bob', 'cy', 'null', 'd.e@f:g'] as unknown as readonly UserId[]
const DEVICES = ['phone', 'laptop'] as unknown as readonly DeviceId[]

const weighted = <T extends string>(entries: readonly (readonly [T, number])[]): fc.Arbitrary<T> =>
  fc.oneof(...entries.map(([value, weight]) => ({ weight, arbitrary: fc.constant(value) })))

const happening = (conversations: number): fc.Arbitrary<Happening> =>
  fc.record({
    what: weighted([
      ['start-direct', 1],
      ['start-group', 2],
      ['send', 12],
      ['deliver', 8],
      ['read', 8],
      ['delete', 2],
      ['retain', 2],
      ['expire', 3],
      ['add', 3],
      ['remove', 1],
      ['leave', 1],
      ['role', 1],
      ['rename', 1],
      ['attempt', 2],
      ['exhaust', 1],
      ['elsewhere', 1],
      ['connect', 2],
      ['disconnect', 2],
      ['see', 1],
      ['privacy', 1],
    ]),
    conversation: fc.nat(conversations - 1),
    person: fc.nat(PEOPLE.length - 1),
    other: fc.nat(PEOPLE.length - 1),
    device: fc.nat(DEVICES.length - 1),
    how: fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100),
  })

export const happenings = (options: { readonly conversations?: number; readonly max?: number } = {}) =>
  fc.array(happening(options.conversations ?? 3), {
    minLength: 1,
    maxLength: options.max ?? 120,
    // The default favours a handful, which hardly ever fills a batch.
    size: 'max',
  })

/** Every conversation is begun, so that few happenings come to nothing. */
export function pastOf(happened: readonly Happening[], options?: PastOptions): Past {
  const past = createPast(options)
  for (const one of happened) happen(past, one)
  return past
}

function happen(past: Past, { what, conversation: n, person, other, device, how }: Happening): void {
  const id = conversationNumber(n)
  const by = PEOPLE[person] as UserId
  const userId = PEOPLE[other] as UserId
  const deviceId = DEVICES[device] as DeviceId
  if (past.conversation(id).kind === undefined && what !== 'start-direct') {
    past.converse(id, {
      type: 'start',
      by,
      kind: 'group',
      members: PEOPLE.slice(0, 1 + other),
      title: 'a "title" \\ {x}',
    })
  }
  const { lastSeq } = past.conversation(id)
  const seq = Math.ceil(how * lastSeq) as Seq
  switch (what) {
    case 'start-direct':
      past.converse(id, { type: 'start', by, kind: 'direct', members: [userId] })
      return
    case 'start-group':
      return
    case 'send':
      past.say(id, by, deviceId)
      return
    case 'deliver':
    case 'read':
      past.deliver(id, {
        type: 'acknowledge',
        userId: by,
        deviceId,
        kind: what === 'read' ? 'read' : 'delivered',
        upTo: how > 0.6 ? lastSeq : seq,
      })
      return
    case 'delete': {
      const message = past.messages(id).find((one) => one.seq === seq)
      if (message) past.converse(id, { type: 'delete', by: message.senderId, messageId: message.messageId })
      return
    }
    case 'retain':
      past.converse(id, {
        type: 'change-retention',
        by: adminOf(past, n) ?? by,
        retention:
          how > 0.7
            ? { mode: 'permanent' }
            : { mode: how > 0.3 ? 'ttl' : 'until-delivered', seconds: 60 + other },
      })
      return
    case 'expire':
      past.converse(id, {
        type: 'expire',
        messages: past
          .messages(id)
          .filter((one) => one.seq <= seq)
          .map((one) => ({ seq: one.seq, messageId: one.messageId, reason: 'ttl' })),
      })
      return
    case 'add':
      past.converse(id, { type: 'add-members', by: adminOf(past, n) ?? by, userIds: [by, userId] })
      return
    case 'remove':
      past.converse(id, { type: 'remove-member', by: how > 0.5 ? userId : (adminOf(past, n) ?? by), userId })
      return
    case 'leave':
      past.converse(id, { type: 'remove-member', by, userId: by })
      return
    case 'role': {
      const role = how > 0.4 ? 'admin' : 'member'
      past.converse(id, { type: 'change-role', by: adminOf(past, n) ?? by, userId, role })
      return
    }
    case 'rename': {
      const title = how > 0.2 ? { title: `"${Math.round(how * 5)}" {\\}` } : {}
      past.converse(id, { type: 'rename', by: adminOf(past, n) ?? by, ...title })
      return
    }
    case 'attempt': {
      const last = past.messages(id).at(-1)
      if (!last) return
      past.deliver(id, {
        type: 'record-attempt',
        userId: by,
        fromSeq: Math.ceil(last.seq / 2) as Seq,
        toSeq: last.seq,
        channel: 'web-push',
        outcome: 'failed',
        error: 'no "way"\0',
      })
      return
    }
    case 'exhaust': {
      const toSeq = past.messages(id).at(-1)?.seq
      if (toSeq) past.deliver(id, { type: 'record-exhausted', userId: by, toSeq })
      return
    }
    case 'connect':
      past.attend(by, { type: 'connect', deviceId, connection: `c.${past.events.length}`, node: 'a "node"' })
      return
    case 'disconnect': {
      // Of the newest connection, or of one that is over.
      const connection = past.connectionOf(by, deviceId) ?? 'c.0'
      past.attend(by, { type: 'disconnect', deviceId, connection, node: 'other', reason: 'closed' })
      return
    }
    case 'see':
      past.attend(by, { type: 'see', deviceId })
      return
    case 'privacy':
      past.attend(by, { type: 'change-privacy', change: { lastSeen: how > 0.5 ? 'hidden' : 'shared' } })
      return
    case 'elsewhere':
      past.elsewhere()
      return
    default:
      what satisfies never
  }
}

function adminOf(past: Past, n: number): UserId | undefined {
  for (const [userId, { role }] of past.conversation(conversationNumber(n)).members) {
    if (role === 'admin') return userId
  }
  return undefined
}
