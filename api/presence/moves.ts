/** Tells the other nodes who came, went or was seen, many people in one message. A hint: they look for themselves. */
import { LRUCache } from 'lru-cache'
import type { Millis, UserId } from '../../domain/ids.ts'
import type { Bus } from '../../runtime/bus/bus.ts'
import { publishInParts } from '../../runtime/bus/in-parts.ts'

/** People, and when they last did something where they were. */
export interface MovesMessage {
  readonly kind: 'moves'
  readonly node: string
  readonly people: readonly (readonly [UserId, Millis | null])[]
}

export interface MovesDeps {
  readonly bus: Bus
  readonly channel: string
  readonly node: string
  readonly hasPeers: () => boolean
}

export interface Moves {
  tell(userId: UserId, seenAt: Millis | undefined): void
  /** The people of a message of another node. */
  received(message: MovesMessage): readonly UserId[]
  /** Another node said that this person last did something then. */
  heard(userId: UserId, at: Millis): void
  /** On other nodes, as far as this one heard of it a while ago at most. */
  lastSeenElsewhere(userId: UserId): Millis | undefined
  close(): void
}

/** People who move within this time are told of together. */
const TOGETHER_MS = 50
const REMEMBERED = 20_000

export function createMoves({ bus, channel, node, hasPeers }: MovesDeps): Moves {
  let waiting = new Map<UserId, Millis | null>()
  let timer: NodeJS.Timeout | undefined
  const times = new LRUCache<UserId, Millis>({ max: REMEMBERED })

  function heard(userId: UserId, at: Millis): void {
    if (at > (times.get(userId) ?? 0)) times.set(userId, at)
  }

  function tellAll(): void {
    timer = undefined
    const people = [...waiting]
    waiting = new Map()
    if (people.length === 0) return
    publishInParts(bus, channel, people, (part) =>
      JSON.stringify({ kind: 'moves', node, people: part } satisfies MovesMessage),
    )
  }

  return {
    tell: (userId, seenAt) => {
      if (!hasPeers()) return
      waiting.set(userId, seenAt ?? null)
      timer ??= setTimeout(tellAll, TOGETHER_MS)
    },
    received: ({ node: from, people }) => {
      if (from === node) return []
      for (const [userId, at] of people) if (at !== null) heard(userId, at)
      return people.map(([userId]) => userId)
    },
    heard,
    lastSeenElsewhere: (userId) => times.get(userId),
    close: () => {
      clearTimeout(timer)
      tellAll()
    },
  }
}
