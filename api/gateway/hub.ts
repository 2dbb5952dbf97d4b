/** The sessions of this node, by person. Hands deliveries to them; flushes their outboxes once a turn. */
import type { UserId } from '../../domain/ids.ts'
import { CLOSE_CODES } from '../../protocol/errors.ts'
import type { Delivery, Session } from './session.ts'

export interface Hub {
  /** An older session of the same device is closed: one device is in one place. */
  add(session: Session): void
  remove(session: Session): void
  sessionsOf(userId: UserId): readonly Session[]
  deliver(userId: UserId, delivery: Delivery): void
  scheduleFlush(session: Session): void
  all(): Iterable<Session>
  /** Also sockets that are added from then on; a poll that comes then is answered at once, and stays for nothing. */
  closeAll(code: number, reason: string): void
  readonly size: number
}

const NONE: readonly Session[] = []

/** `onMembers`: this person was told that they came into a conversation, or that `who` came or went. */
export function createHub(onMembers: (userId: UserId, who: UserId) => void = () => {}): Hub {
  const byUser = new Map<UserId, Session[]>()
  let dirty: Session[] = []
  let size = 0
  let closing: { readonly code: number; readonly reason: string } | undefined

  function flushAll(): void {
    const sessions = dirty
    dirty = []
    for (const session of sessions) session.flush()
  }

  function remove(session: Session): void {
    const sessions = byUser.get(session.userId)
    if (!sessions?.includes(session)) return
    // A new list: whoever goes through the old one may be closing its sessions.
    const others = sessions.filter((one) => one !== session)
    if (others.length > 0) byUser.set(session.userId, others)
    else byUser.delete(session.userId)
    size--
  }

  function* all(): Iterable<Session> {
    for (const sessions of byUser.values()) yield* sessions
  }

  return {
    add: (session) => {
      const sessions = byUser.get(session.userId) ?? []
      const older = sessions.find(({ deviceId }) => deviceId === session.deviceId)
      if (older) {
        remove(older)
        older.close(CLOSE_CODES.replaced, 'the same device connected again')
      }
      byUser.set(session.userId, [...(byUser.get(session.userId) ?? []), session])
      size++
      if (closing && !session.isPolling) session.close(closing.code, closing.reason)
    },
    remove,
    sessionsOf: (userId) => byUser.get(userId) ?? NONE,
    deliver: (userId, delivery) => {
      for (const session of byUser.get(userId) ?? NONE) session.deliver(delivery)
      const { begins, membership } = delivery.place ?? {}
      if (begins) onMembers(userId, userId)
      else if (membership) onMembers(userId, membership.userId)
    },
    scheduleFlush: (session) => {
      if (dirty.length === 0) setImmediate(flushAll)
      dirty.push(session)
    },
    all,
    closeAll: (code, reason) => {
      closing = { code, reason }
      for (const session of [...all()]) session.close(code, reason)
    },
    get size() {
      return size
    },
  }
}
