/**
 * Who came, who went, who did something: turned into facts of `user-<id>`, off the path of messages. Knows no watcher.
 *
 * The facts wait here, person by person, and a few people at a time are recorded: a storm of connects takes its time, and
 * sends do not wait behind it. Times are those at which it happened. What a process that dies leaves unrecorded is noticed by
 * another (`lost-devices.ts`).
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { Privacy } from '../../domain/events.ts'
import type { DeviceId, Millis, UserId } from '../../domain/ids.ts'
import type { UserCommand } from '../../domain/user/commands.ts'
import { SEEN_EVERY_MS } from '../../domain/user/decide.ts'
import { EVERYTHING_SHARED } from '../../domain/user/state.ts'
import type { CommandHandler } from '../../ledger/handle-command.ts'
import type { Addressed } from '../../ledger/mailbox/contract.ts'

/** What a session knows of its person; shared by nobody else. */
export interface Attendance {
  /** Which of the connections of this process it is. Its facts name it so, behind the process's prefix. */
  readonly connection: number
  /** When the person last did something here. */
  seenAt: Millis
  /** When that was last handed on to be recorded. */
  recordedAt: Millis
  privacy: Privacy
}

interface Attending {
  readonly userId: UserId
  readonly deviceId: DeviceId
  attendance: Attendance | undefined
}

export interface AttendanceRegister {
  /** With what the connections of this process begin. */
  readonly prefix: string
  arrived(session: Attending): void
  left(session: Attending): void
  /** The person did something, on this session or without one. */
  did(session: Attending): void
  didWithoutSession(userId: UserId): void
  /** Of people who left, or acted without a session, a while ago at most. */
  lastSeenHere(userId: UserId): Millis | undefined
  /** To be recorded behind what waits of this person. */
  record(userId: UserId, command: Addressed<UserCommand>): void
  /** Records what waits, as far as that is done within `patienceMs`. */
  close(patienceMs: number): Promise<void>
}

/** People recorded together: one commit of the ledger, about 10 ms. */
const AT_ONCE = 16
/** Between them: at most some 300 people a second. */
const PAUSE_MS = 50
const RETRY_MS = 1_000
/** Somebody of whom the ledger took nothing while it took what others had: their stream may be broken, until somebody mends it. */
const REFUSED_RETRY_MS = 5_000
/** Commands of one person, that were tried: somebody whose stream is broken may go on coming and going for days. */
const MOST_TRIED = 500
/** About 100 bytes each. */
const REMEMBERED = 20_000

const now = (): Millis => Date.now() as Millis
/** A clock may be set back; when somebody was last seen is not. */
const notBefore = (earliest: Millis = 0 as Millis): Millis => Math.max(now(), earliest) as Millis

export function createAttendanceRegister(
  handler: Pick<CommandHandler, 'attend'>,
  node: string,
  report: (error: unknown) => void,
): AttendanceRegister {
  const prefix = `${randomBytes(6).toString('base64url')}.`
  let connections = 0
  const waiting = new Map<UserId, Addressed<UserCommand>[]>()
  /** Commands that the ledger may have recorded although it did not say so. */
  const unsure = new WeakSet<Addressed<UserCommand>>()
  const elsewhere = new LRUCache<UserId, { seenAt: Millis; recordedAt: Millis }>({ max: REMEMBERED })
  let working: Promise<void> | undefined
  /** When they are tried again, by `performance.now()`: those of whom nothing was taken while what others had was. */
  const refused = new Map<UserId, number>()
  /** The ledger took nothing of what it was last given, and that was not only of `refused` people. */
  let isLedgerAway = false
  let closing = false

  function record(userId: UserId, command: Addressed<UserCommand>): void {
    const before = waiting.get(userId)
    if (before) before.push(command)
    else waiting.set(userId, [command])
    if (!closing) working ??= work()
  }

  async function work(): Promise<void> {
    while (waiting.size > 0 && !closing) {
      // First, so that those who come together are recorded together.
      await sleep(PAUSE_MS)
      await recordSome()
      if (isLedgerAway) await sleep(RETRY_MS)
    }
    working = undefined
  }

  /** Of the next few people; answers whether anybody was to be recorded now. */
  async function recordSome(): Promise<boolean> {
    const began = performance.now()
    const people: [UserId, Addressed<UserCommand>[]][] = []
    for (const entry of waiting) {
      if (people.length >= AT_ONCE) break
      if ((refused.get(entry[0]) ?? 0) <= began) people.push(entry)
    }
    for (const [userId] of people) waiting.delete(userId)
    const taken = await Promise.all(people.map(([userId, commands]) => recordAll(userId, commands)))
    const isThere = taken.includes(true)
    for (const [index, [userId]] of people.entries()) {
      if (taken[index]) refused.delete(userId)
      else if (isThere || refused.has(userId)) refused.set(userId, began + REFUSED_RETRY_MS)
      else isLedgerAway = true
    }
    if (isThere) isLedgerAway = false
    return people.length > 0
  }

  async function recordAll(userId: UserId, commands: readonly Addressed<UserCommand>[]): Promise<boolean> {
    try {
      const answers = await Promise.all(commands.map((command) => handler.attend(userId, command)))
      const first = answers.findIndex(({ kind }) => kind !== 'done')
      if (first < 0) return true
      recordAgain(userId, commands.slice(first))
    } catch (error) {
      report(error)
      recordAgain(userId, commands)
    }
    return false
  }

  /**
   * With all that came after the first that was not recorded: an end that is taken before its beginning would leave it open. A
   * connection that was recorded after all may be there twice, each with its end. Of being seen the last time counts.
   */
  function recordAgain(userId: UserId, commands: readonly Addressed<UserCommand>[]): void {
    for (const command of commands) unsure.add(command)
    waiting.set(userId, newestOf(seenOnce([...commands, ...(waiting.get(userId) ?? [])])))
  }

  /**
   * Whether the beginning of this connection waited, and for sure is not recorded: then it is taken back. While the ledger is away, or takes
   * nothing of this person, they come and go every few seconds; all that would wait for it, without end, and be recorded as if they had
   * been here. Otherwise a connection is a fact, however short it was.
   */
  function takeBack(userId: UserId, connection: string): boolean {
    if (!isLedgerAway && !refused.has(userId)) return false
    const before = waiting.get(userId) ?? []
    const begins = (command: Addressed<UserCommand>) =>
      command.type === 'connect' && command.connection === connection && !unsure.has(command)
    if (!before.some(begins)) return false
    const after = before.filter((command) => !begins(command))
    if (after.length > 0) waiting.set(userId, after)
    else waiting.delete(userId)
    return true
  }

  const nameOf = ({ connection }: Attendance): string => `${prefix}${connection}`

  function connectionCommand(
    what: 'connect' | 'disconnect',
    session: Attending,
    connection: string,
  ): Omit<Addressed<UserCommand>, 'type'> & {
    readonly deviceId: DeviceId
    readonly connection: string
    readonly node: string
  } {
    const { userId, deviceId } = session
    const envelope = {
      commandId: `${what} ${connection}`,
      actorId: userId,
      actorKind: 'user',
      deviceId,
    } as const
    return { at: now(), deviceId, connection, node, envelope }
  }

  const seen = (userId: UserId, at: Millis, deviceId?: DeviceId): Addressed<UserCommand> => ({
    type: 'see',
    at,
    ...(deviceId === undefined ? {} : { deviceId }),
    envelope: {
      commandId: `see ${userId} ${at}`,
      actorId: userId,
      actorKind: 'user',
      ...(deviceId === undefined ? {} : { deviceId }),
    },
  })

  function didWithoutSession(userId: UserId): void {
    const before = elsewhere.get(userId)
    const at = notBefore(before?.seenAt)
    const due = before === undefined || at - before.recordedAt >= SEEN_EVERY_MS
    elsewhere.set(userId, { seenAt: at, recordedAt: due ? at : before.recordedAt })
    if (due) record(userId, seen(userId, at))
  }

  return {
    prefix,
    arrived: (session) => {
      const at = now()
      const attendance = {
        connection: ++connections,
        seenAt: at,
        recordedAt: at,
        privacy: EVERYTHING_SHARED,
      }
      session.attendance = attendance
      const begun = connectionCommand('connect', session, nameOf(attendance))
      record(session.userId, { type: 'connect', ...begun, at })
    },
    left: (session) => {
      const { userId, deviceId, attendance } = session
      if (!attendance) return
      const { seenAt } = attendance
      const connection = nameOf(attendance)
      // Another device, or a request, may have been later.
      if (seenAt > (elsewhere.get(userId)?.seenAt ?? 0)) elsewhere.set(userId, { seenAt, recordedAt: seenAt })
      if (takeBack(userId, connection)) {
        record(userId, seen(userId, seenAt, deviceId))
        waiting.set(userId, seenOnce(waiting.get(userId) ?? []))
        return
      }
      record(userId, {
        type: 'disconnect',
        ...connectionCommand('disconnect', session, connection),
        reason: 'closed',
        seenAt,
      })
    },
    did: ({ userId, deviceId, attendance }) => {
      if (!attendance) return didWithoutSession(userId)
      const at = notBefore(attendance.seenAt)
      attendance.seenAt = at
      if (at - attendance.recordedAt < SEEN_EVERY_MS) return
      attendance.recordedAt = at
      record(userId, seen(userId, at, deviceId))
    },
    didWithoutSession,
    lastSeenHere: (userId) => elsewhere.get(userId)?.seenAt,
    record,
    close: async (patienceMs) => {
      closing = true
      const deadline = performance.now() + patienceMs
      await working
      let isWorthwhile = true
      while (isWorthwhile && performance.now() < deadline)
        isWorthwhile = (await recordSome()) && !isLedgerAway
    },
  }
}

function seenOnce(commands: readonly Addressed<UserCommand>[]): Addressed<UserCommand>[] {
  const last = commands.findLast(({ type }) => type === 'see')
  return commands.filter((command) => command.type !== 'see' || command === last)
}

/** Beyond `MOST_TRIED` without the oldest connections that have ended: what is left out together was a beginning and its end. */
function newestOf(commands: Addressed<UserCommand>[]): Addressed<UserCommand>[] {
  const excess = commands.length - MOST_TRIED
  if (excess <= 0) return commands
  const begun = new Set(commands.flatMap((one) => (one.type === 'connect' ? [one.connection] : [])))
  const over = commands.flatMap((one) =>
    one.type === 'disconnect' && begun.has(one.connection) ? [one.connection] : [],
  )
  const leftOut = new Set(over.slice(0, Math.ceil(excess / 2)))
  return commands.filter((one) => !('connection' in one && leftOut.has(one.connection)))
}
