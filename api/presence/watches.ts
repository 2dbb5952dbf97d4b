/**
 * Who watches whom on this node, and what each watcher was told last. Tells each change once, to those who share a conversation
 * with the person, and to nobody else.
 *
 *   a watch:    asked ──looked up who is an acquaintance──▶ told the current state ──membership changes──▶ asked
 *   a subject:  quiet ──moved──▶ due at once, or a second after it was last told ──found, told──▶ quiet
 *
 * A person who comes and goes quickly is told of once a second, as they are then: the last state always arrives.
 */
import type { Millis, UserId } from '../../domain/ids.ts'
import type { Session } from '../gateway/session.ts'
import { type FindPeople, notYetToCome, type Whereabouts } from './whereabouts.ts'

export interface WatchesDeps {
  readonly find: FindPeople
  /** Those of `others` who share a conversation with this person, now. */
  readonly acquaintances: (userId: UserId, others: readonly UserId[]) => Promise<ReadonlySet<UserId>>
  /** Whether there is room for presence now; otherwise it waits. */
  readonly allows: () => boolean
  readonly report: (error: unknown) => void
  /** Least time between two frames about one person. */
  readonly paceMs?: number
}

export interface Watches {
  /** Replaces the list, and sends the current state of everybody on it. */
  watch(session: Session, userIds: readonly UserId[]): void
  /** The person came, went, was seen, or shows something else. */
  moved(userIds: Iterable<UserId>): void
  /** Any of those who are watched may have moved. */
  movedAll(): void
  /**
   * Whether this session's person shares a conversation with `who` may have changed. Where they are the same: with whom they do, and
   * what they are shown.
   */
  recheck(session: Session, who: UserId): void
  /** Anything may have been missed. */
  recheckAll(): void
  remove(session: Session): void
  close(): void
}

/** What one pair of eyes sees; one object for all who see the same. */
interface Shown {
  readonly online: boolean
  readonly lastSeen: Millis | null
  readonly json: string
}

interface Subject {
  readonly watchers: Set<Session>
  /** The two things that may be seen: by those who share when they were last seen, and by those who do not. */
  open?: Shown
  closed?: Shown
  toldAt: number
  /** How often they have moved. */
  moves: number
}

interface Watch {
  list: ReadonlySet<UserId>
  acquaintances: ReadonlySet<UserId>
  readonly told: Map<UserId, Shown>
  /** Counts what makes an answer that is under way worthless. */
  version: number
  queued: boolean
}

const PACE_MS = 1_000
const RETRY_MS = 1_000
/** People found by one look-up. */
const FOUND_AT_ONCE = 500
/** Look-ups for watchers at a time: a storm of reconnects must not take the database from everybody else. */
const CONCURRENT = 4
/** A watcher who has not taken this much is told later. */
const MAX_BACKLOG_BYTES = 256 * 1024

export function createWatches(deps: WatchesDeps): Watches {
  const { find, report, paceMs = PACE_MS } = deps
  const subjects = new Map<UserId, Subject>()
  const watches = new Map<Session, Watch>()
  let queue: Session[] = []
  let looking = 0
  const due = new Set<UserId>()
  let timer: NodeJS.Timeout | undefined
  let telling = false
  let closed = false

  // 1. Watchers: who are their acquaintances, and how are those now?

  function enqueue(session: Session, watch: Watch): void {
    watch.version++
    // Until it is known again who is an acquaintance, nobody is.
    watch.acquaintances = new Set()
    if (watch.queued || closed) return
    watch.queued = true
    queue.push(session)
    lookUp()
  }

  function lookUp(): void {
    while (looking < CONCURRENT && queue.length > 0) {
      const session = queue.shift() as Session
      const watch = watches.get(session)
      if (!watch) continue
      watch.queued = false
      looking++
      void greet(session, watch).then((done) => {
        looking--
        if (!done)
          setTimeout(() => watches.get(session) === watch && enqueue(session, watch), RETRY_MS).unref()
        lookUp()
      })
    }
  }

  /** Whether there is nothing more to do. */
  async function greet(session: Session, watch: Watch): Promise<boolean> {
    const { version, list } = watch
    try {
      const acquaintances = await deps.acquaintances(session.userId, [...list])
      // Who moves while they are looked for may be found as they were before, and this watcher is not told of moves yet.
      const moves = new Map([...acquaintances].map((userId) => [userId, subjects.get(userId)?.moves]))
      const found = await find([...acquaintances])
      // Or the watch has ended, and this person may watch somebody else by now.
      if (watch.version !== version || watches.get(session) !== watch || closed) return true
      watch.acquaintances = acquaintances
      for (const userId of watch.told.keys()) if (!acquaintances.has(userId)) watch.told.delete(userId)
      for (const [userId, whereabouts] of found) {
        tell(session, watch, userId, whereabouts)
        const subject = subjects.get(userId)
        if (subject?.watchers.size === 1) subject.toldAt = performance.now()
        if (subject && subject.moves !== moves.get(userId)) due.add(userId)
      }
      if (due.size > 0) arm(0)
      return true
    } catch (error) {
      report(error)
      return false
    }
  }

  // 2. Subjects: those that moved, paced.

  function arm(delayMs: number): void {
    if (closed || timer !== undefined || telling) return
    timer = setTimeout(() => {
      timer = undefined
      void tellDue()
    }, delayMs)
  }

  async function tellDue(): Promise<void> {
    if (!deps.allows()) return arm(paceMs)
    telling = true
    let waitMs = Number.POSITIVE_INFINITY
    const now = performance.now()
    const people: UserId[] = []
    for (const userId of due) {
      if (people.length === FOUND_AT_ONCE) {
        waitMs = 0
        break
      }
      const subject = subjects.get(userId)
      const left = subject ? subject.toldAt + paceMs - now : 0
      if (left > 0) waitMs = Math.min(waitMs, left)
      else {
        // What moves from here on is found by the next look-up.
        due.delete(userId)
        if (subject) {
          subject.toldAt = now
          people.push(userId)
        }
      }
    }
    const moves = new Map(people.map((userId) => [userId, subjects.get(userId)?.moves]))
    try {
      if (people.length > 0) for (const [userId, found] of await find(people)) tellAll(userId, found)
      // Whoever moved meanwhile may have been told of by a greeting, and now as they were before.
      for (const userId of people) if (subjects.get(userId)?.moves !== moves.get(userId)) due.add(userId)
    } catch (error) {
      report(error)
      for (const userId of people) due.add(userId)
      waitMs = RETRY_MS
    }
    telling = false
    if (due.size > 0) arm(Number.isFinite(waitMs) ? waitMs : 0)
  }

  function tellAll(userId: UserId, whereabouts: Whereabouts): void {
    for (const session of subjects.get(userId)?.watchers ?? []) {
      const watch = watches.get(session)
      if (watch?.acquaintances.has(userId)) tell(session, watch, userId, whereabouts)
    }
  }

  function tell(session: Session, watch: Watch, userId: UserId, whereabouts: Whereabouts): void {
    const subject = subjects.get(userId)
    if (!subject || session.mode === 'closed') return
    const shown = shownTo(session, userId, subject, whereabouts)
    const told = watch.told.get(userId)
    if (told && !isNews(told, shown)) return
    if (session.backlog > MAX_BACKLOG_BYTES) {
      due.add(userId)
      return arm(paceMs)
    }
    watch.told.set(userId, shown)
    session.send(shown.json)
  }

  function shownTo(session: Session, userId: UserId, subject: Subject, whereabouts: Whereabouts): Shown {
    const { online, hidesLastSeen } = whereabouts
    const own = session.userId === userId
    const hidden = !own && (hidesLastSeen || session.attendance?.privacy.lastSeen === 'hidden')
    const lastSeen = hidden ? null : whereabouts.lastSeen
    const which = hidden ? 'closed' : 'open'
    const before = subject[which]
    if (before && before.online === online && before.lastSeen === lastSeen) return before
    // Compared as it is, or it would be news with each look until that time has come.
    const told = { t: 'presence', userId, online, lastSeen: notYetToCome(lastSeen) }
    const shown = { online, lastSeen, json: JSON.stringify(told) }
    subject[which] = shown
    return shown
  }

  function move(userId: UserId): void {
    const subject = subjects.get(userId)
    if (!subject) return
    subject.moves++
    if (isShown(userId, subject)) due.add(userId)
  }

  /** To anybody who watches: of strangers, and of names that somebody made up, nothing is looked up. */
  function isShown(userId: UserId, { watchers }: Subject): boolean {
    for (const session of watchers) if (watches.get(session)?.acquaintances.has(userId)) return true
    return false
  }

  function unwatch(session: Session, userId: UserId): void {
    const subject = subjects.get(userId)
    subject?.watchers.delete(session)
    if (subject?.watchers.size === 0) subjects.delete(userId)
  }

  return {
    watch: (session, userIds) => {
      if (session.mode === 'closed') return
      const list = new Set(userIds)
      const before = watches.get(session)
      for (const userId of before?.list ?? []) if (!list.has(userId)) unwatch(session, userId)
      for (const userId of list) {
        const subject = subjects.get(userId)
        if (subject) subject.watchers.add(session)
        else
          subjects.set(userId, { watchers: new Set([session]), toldAt: Number.NEGATIVE_INFINITY, moves: 0 })
      }
      if (list.size === 0) {
        watches.delete(session)
        return
      }
      const watch = before ?? { list, acquaintances: new Set(), told: new Map(), version: 0, queued: false }
      watch.list = list
      watch.told.clear()
      watches.set(session, watch)
      enqueue(session, watch)
    },
    moved: (userIds) => {
      for (const userId of userIds) move(userId)
      if (due.size > 0) arm(0)
    },
    movedAll: () => {
      for (const userId of subjects.keys()) move(userId)
      if (due.size > 0) arm(0)
    },
    recheck: (session, who) => {
      const watch = watches.get(session)
      if (watch && (who === session.userId || watch.list.has(who))) enqueue(session, watch)
    },
    recheckAll: () => {
      for (const [session, watch] of watches) enqueue(session, watch)
    },
    remove: (session) => {
      const watch = watches.get(session)
      if (!watch) return
      watches.delete(session)
      for (const userId of watch.list) unwatch(session, userId)
    },
    close: () => {
      closed = true
      clearTimeout(timer)
      queue = []
    },
  }
}

/** While somebody is online, when they were last seen is no news. */
const isNews = (told: Shown, shown: Shown): boolean =>
  told.online !== shown.online ||
  (told.lastSeen === null) !== (shown.lastSeen === null) ||
  (!shown.online && told.lastSeen !== shown.lastSeen)
