/** Whether people are online, and when they were last seen: on this node, on the others, and as it is recorded. Asks; keeps nothing. */
import type pg from 'pg'
import type { Millis, UserId } from '../../domain/ids.ts'
import { seenPeople } from '../../projections/queries/seen-people.ts'
import type { Asker } from '../../runtime/bus/ask.ts'
import { nodeChannel } from '../../runtime/bus/bus.ts'
import type { Question } from '../../runtime/bus/messages.ts'
import type { SessionDirectory } from '../../runtime/sessions/directory.ts'
import type { Hub } from '../gateway/hub.ts'

export interface Whereabouts {
  readonly online: boolean
  /** Null: never. */
  readonly lastSeen: Millis | null
  readonly hidesLastSeen: boolean
}

/** On `node.<node>`: when did these people, who have sessions there, last do something? */
export interface SeenQuestion extends Question {
  readonly kind: 'seen'
  readonly userIds: readonly UserId[]
}

export interface SeenAnswer {
  readonly seen: readonly (readonly [UserId, Millis])[]
}

export interface WhereaboutsDeps {
  readonly pool: pg.Pool
  readonly hub: Pick<Hub, 'sessionsOf'>
  readonly directory: Pick<SessionDirectory, 'nodesOf'>
  readonly asker: Asker
  /** What was changed lately counts more than read models that may not have it yet; `undefined`: nothing was. */
  readonly hidesLastSeen: (userId: UserId) => boolean | undefined
  /** What this node remembers of people who are not connected to it. */
  readonly lastSeenHere: (userId: UserId) => Millis | undefined
  /** What another node said, so that it is not forgotten between somebody's leaving there and the news of it. */
  readonly heard: (userId: UserId, at: Millis) => void
}

/** Rejects if the read models or the session directory do not answer. */
export type FindPeople = (userIds: readonly UserId[]) => Promise<ReadonlyMap<UserId, Whereabouts>>

/** 40 ids of at most 128 characters, and their times, fit any bus. */
const ASKED_AT_ONCE = 40
/** A node that does not answer by then is busy or gone; what is recorded is at most a minute older. */
const PATIENCE_MS = 1_000

export function createFindPeople(deps: WhereaboutsDeps): FindPeople {
  const { pool, hub, directory, asker } = deps

  async function onOtherNodes(userIds: readonly UserId[]): Promise<ReadonlyMap<UserId, Millis | undefined>> {
    const found = new Map<UserId, Millis | undefined>()
    const questions: Promise<void>[] = []
    for (const [node, there] of await directory.nodesOf(userIds)) {
      for (const userId of there) if (!found.has(userId)) found.set(userId, undefined)
      for (let from = 0; from < there.length; from += ASKED_AT_ONCE) {
        const question = { kind: 'seen', userIds: there.slice(from, from + ASKED_AT_ONCE) }
        questions.push(
          asker.ask<SeenAnswer>(nodeChannel(node), question, PATIENCE_MS).then((answered) => {
            if (answered.kind === 'silent') return
            for (const [userId, at] of answered.answer.seen) deps.heard(userId, at)
            for (const [userId, at] of answered.answer.seen) found.set(userId, latest(found.get(userId), at))
          }),
        )
      }
    }
    await Promise.all(questions)
    return found
  }

  return async (userIds) => {
    const [recorded, others] = await Promise.all([seenPeople(pool, userIds), onOtherNodes(userIds)])
    return new Map(
      userIds.map((userId) => {
        const { lastSeen, ...row } = recorded.get(userId) ?? { lastSeen: null, hidesLastSeen: false }
        const hidesLastSeen = deps.hidesLastSeen(userId) ?? row.hidesLastSeen
        const here = seenHere(hub, userId)
        const seen = latest(lastSeen ?? undefined, here, others.get(userId), deps.lastSeenHere(userId))
        const online = here !== undefined || others.has(userId)
        return [userId, { online, lastSeen: seen ?? null, hidesLastSeen }]
      }),
    )
  }
}

/** As it is told: a clock that was set ahead, and back again, leaves what was done at a time that is still to come. */
export const notYetToCome = (lastSeen: Millis | null): Millis | null =>
  lastSeen === null ? null : (Math.min(lastSeen, Date.now()) as Millis)

/** Nothing if the person has no session on this node. */
export function seenHere(hub: Pick<Hub, 'sessionsOf'>, userId: UserId): Millis | undefined {
  const times = hub.sessionsOf(userId).map(({ attendance }) => attendance?.seenAt ?? (0 as Millis))
  return latest(...times)
}

export const latest = (...times: readonly (Millis | undefined)[]): Millis | undefined =>
  times.reduce((a, b) => (b === undefined || (a !== undefined && a >= b) ? a : b), undefined)
