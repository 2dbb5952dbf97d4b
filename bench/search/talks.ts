/** Who talks with whom in the bench of searches, and of which conversation the next message is. */
import { randomUUID } from 'node:crypto'
import type { ConversationId, UserId } from '../../domain/ids.ts'

/** Who searches. */
export interface Cast {
  /** Of a thousandth as many conversations as there are messages, all of which go on side by side, and of the crowd. */
  readonly hub: UserId
  /** Of ten conversations. */
  readonly somebody: UserId
  /** Of as many conversations as the busiest of 1,454 real people has, which begin and end as theirs do. */
  readonly busiest: UserId
  readonly conversationsOfBusiest: number
  /** A group that has a tenth of all messages. */
  readonly crowd: ConversationId
}

export interface Talk {
  readonly conversationId: ConversationId
  readonly members: readonly UserId[]
  /** Of its last message. */
  seq: number
}

export interface Talks {
  readonly cast: Cast
  /** @param progress from 0 to 1, of all messages. */
  next(progress: number): Talk
}

const MESSAGES_A_CONVERSATION = 200
const HUB = 'hub' as UserId
const BUSIEST = 'busiest' as UserId

/** Of all messages. */
const SHARE = { crowd: 0.1, hub: 0.2, busiest: 0.05 } as const

/**
 * The conversations of real people (CollegeMsg: 1,454 people, 40,000 messages) end: of the newest tenth of somebody's messages 10 to 36 of 145 to
 * 218 conversations have any, and of the newest fifty 9 to 32. Their number is 5 at the median of people, 44 at the median of messages,
 * 109 at p99 of people and 218 at most. The ten longest ones have a quarter to two fifths of somebody's messages, where these have less:
 * then more conversations have to be looked into.
 */
const BUSIEST_HAS = 218
/** Of all the time there is, one conversation. */
const LIFETIME = 0.06
/** The weight of the nth is 1 / (n + this). */
const EVENNESS = 8

interface Passing {
  readonly talk: Talk
  readonly begins: number
  readonly weight: number
}

export function createTalks(messages: number, random: () => number): Talks {
  const conversations = (share: number): number => Math.ceil((messages * share) / MESSAGES_A_CONVERSATION)
  const crowd = talk(HUB, ...Array.from({ length: 99 }, (_, n) => `crowd${n}`))
  const ofHub = Array.from({ length: conversations(SHARE.hub) }, (_, n) => talk(HUB, `friend${n}`))
  const ofBusiest = Array.from(
    { length: Math.min(BUSIEST_HAS, conversations(SHARE.busiest)) },
    (_, n): Passing => ({
      talk: talk(BUSIEST, `acquaintance${n}`),
      begins: random() * (1 + LIFETIME) - LIFETIME,
      weight: 1 / (n + EVENNESS),
    }),
  )
  const count = conversations(1 - SHARE.crowd - SHARE.hub - SHARE.busiest)
  const people = Math.max(2, Math.ceil(count / 10))
  const ofOthers = Array.from({ length: count }, (_, n) =>
    talk(`p${n % people}`, `p${(n * 7 + 1 + Math.floor(n / people)) % people}x`),
  )

  const anyOf = (talks: readonly Talk[]): Talk => talks[Math.floor(random() * talks.length)] as Talk

  function ofBusiestAt(progress: number): Talk {
    const going = ofBusiest.filter(({ begins }) => begins <= progress && progress < begins + LIFETIME)
    let left = random() * going.reduce((sum, { weight }) => sum + weight, 0)
    for (const { talk, weight } of going) {
      left -= weight
      if (left <= 0) return talk
    }
    // Few conversations have gaps between them.
    return anyOf(ofBusiest.map(({ talk }) => talk))
  }

  return {
    cast: {
      hub: HUB,
      somebody: ofOthers[1]?.members[0] as UserId,
      busiest: BUSIEST,
      conversationsOfBusiest: ofBusiest.length,
      crowd: crowd.conversationId,
    },
    next(progress) {
      let share = random()
      if (share < SHARE.crowd) return crowd
      share -= SHARE.crowd
      if (share < SHARE.hub) return anyOf(ofHub)
      return share - SHARE.hub < SHARE.busiest ? ofBusiestAt(progress) : anyOf(ofOthers)
    },
  }
}

const talk = (...members: string[]): Talk => ({
  conversationId: randomUUID() as string as ConversationId,
  members: members as UserId[],
  seq: 0,
})
