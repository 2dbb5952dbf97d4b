/**
 * What a device missed, a page at a time, in the order in which it happened. Every page ends at a position of the ledger before
 * which nothing is missing, so whoever has it can go on from there in any way: the next page, a socket, another node.
 */
import type { DeviceId, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { missedAcrossConversations } from '../../projections/queries/missed-across-conversations.ts'
import { missedChanges } from '../../projections/queries/missed-changes.ts'
import { missedReceipts } from '../../projections/queries/missed-receipts.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { type OpenBodiesDeps, openBodies } from '../messages/open-bodies.ts'
import type { DeviceStart } from './device-positions.ts'
import {
  changeFrames,
  deletedFrames,
  leavingFrames,
  type MissedFrame,
  messageFrames,
  receiptFrames,
} from './missed-frames.ts'

export interface MissedPage {
  /** JSON of each. */
  readonly frames: readonly string[]
  /** Nothing is missing up to here. */
  readonly position: Position
  readonly more: boolean
}

/** @param head the read models have everything up to it; the page does not go beyond. */
export async function missedPage(
  deps: OpenBodiesDeps,
  { userId, deviceId }: { readonly userId: UserId; readonly deviceId: DeviceId },
  { kept, knownFrom }: DeviceStart,
  head: Position,
): Promise<MissedPage> {
  const { pool } = deps
  const limit = LIMITS.syncFrames
  const messages = await missedAcrossConversations(pool, {
    userId,
    deviceId,
    kept,
    knownFrom,
    limit: limit + 1,
  })
  // Beyond the last of a kind that was read there are others that were not. Messages are read first: most pages end with them.
  const surplus = messages[limit]
  const upTo = earlier(head, surplus && before(surplus.position))
  const [opened, changes, receipts] = await Promise.all([
    openBodies(deps, messages),
    missedChanges(pool, userId, deviceId, kept, { mostNamed: LIMITS.membersInFrame, limit, upTo }),
    missedReceipts(pool, userId, deviceId, kept, limit),
  ])
  const ends = [...Object.values(changes), receipts].map((kind) => endOf(kind, limit))
  const readUpTo = ends.reduce(earlier, upTo)
  const missed = [
    ...changeFrames(changes),
    ...messageFrames(messages, opened),
    ...deletedFrames(changes),
    ...receiptFrames(receipts),
    ...leavingFrames(changes),
  ]
    .filter(({ position }) => position <= readUpTo)
    .sort((a, b) => (a.position < b.position ? -1 : a.position > b.position ? 1 : 0))
  const { frames, position } = cut(missed, readUpTo)
  return { frames, position, more: position < head }
}

/** As many frames as a page may hold; what happened at one position stays together. */
function cut(
  missed: readonly MissedFrame[],
  readUpTo: Position,
): { readonly frames: readonly string[]; readonly position: Position } {
  const frames: string[] = []
  let characters = 0
  let last: Position | undefined
  for (const { position, frame } of missed) {
    const json = JSON.stringify(frame)
    const isFull = frames.length >= LIMITS.syncFrames || characters + json.length > LIMITS.syncCharacters
    if (isFull && last !== undefined && position > last) return { frames, position: before(position) }
    frames.push(json)
    characters += json.length
    last = position
  }
  return { frames, position: readUpTo }
}

/** Up to where everything of a kind was read; nothing: to its end. */
const endOf = (kind: readonly Pick<MissedFrame, 'position'>[], limit: number): Position | undefined =>
  kind.length < limit ? undefined : kind.at(-1)?.position

const before = (position: Position): Position => (position - 1n) as Position
const earlier = (end: Position, other: Position | undefined): Position =>
  other !== undefined && other < end ? other : end
