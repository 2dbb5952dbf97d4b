/**
 * What a device missed, a page at a time, in the order in which it happened. Every page ends at a position of the ledger before
 * which nothing is missing, so whoever has it can go on from there in any way: the next page, a socket, another node.
 */
import type { Seq } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { messagesBetween } from '../../projections/queries/messages-between.ts'
import { missedAcrossConversations } from '../../projections/queries/missed-across-conversations.ts'
import { missedChanges } from '../../projections/queries/missed-changes.ts'
import { missedReceipts } from '../../projections/queries/missed-receipts.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { type OpenBodiesDeps, openBodies } from '../messages/open-bodies.ts'
import type { Device, DeviceStart } from './device-positions.ts'
import { type FreedAndSettled, type FreedDeps, freedFor, missedInFreed } from './freed.ts'
import {
  changeFrames,
  deletedFrames,
  leavingFrames,
  type MissedFrame,
  messageFrames,
  receiptFrames,
} from './missed-frames.ts'

export interface MissedPageDeps extends OpenBodiesDeps, FreedDeps {}

/** Of bodies that are read at once. */
const LATE_BYTES = 512 * 1024

export interface MissedPage {
  /** JSON of each. */
  readonly frames: readonly string[]
  /** Nothing is missing up to here. */
  readonly position: Position
  readonly more: boolean
}

/**
 * What came late in a conversation that was freed is told where that was: at the next position behind, however much it is.
 * @param head the read models have everything up to it; the page does not go beyond.
 */
export async function missedPage(
  deps: MissedPageDeps,
  device: Device,
  start: DeviceStart,
  head: Position,
): Promise<MissedPage> {
  const freed = await freedFor(deps, device.userId, start.kept)
  const isHere = ({ until }: FreedAndSettled) => until === start.kept
  const next = freed.find(({ until }) => until > start.kept && until < head)
  const end = next?.until ?? head
  const late = freed.some(isHere) ? await lateFrames(deps, device, start, freed.filter(isHere)) : []
  const page = await pageUpTo(deps, device, start, end)
  const frames = [...late, ...page.frames]
  if (frames.length === 0 && end < head) return await missedPage(deps, device, { ...start, kept: end }, head)
  return { frames, position: page.position, more: page.position < head }
}

/** Up to where the device stands: what is behind that comes in its turn. */
async function lateFrames(
  deps: MissedPageDeps,
  device: Device,
  start: DeviceStart,
  freed: readonly FreedAndSettled[],
): Promise<readonly string[]> {
  const missed = await missedInFreed(deps.pool, device, start, freed)
  if (!missed) return []
  const messages: MissedFrame[] = []
  for (const { conversationId, missed: stretches } of missed.conversations) {
    for (const { from, to } of stretches) {
      for (let next = from; next <= to; ) {
        const read = await messagesBetween(deps.pool, conversationId, { from: next, to, bytes: LATE_BYTES })
        const late = read.filter(
          ({ senderId, deviceId, position }) =>
            position <= start.kept && !(senderId === device.userId && deviceId === device.deviceId),
        )
        messages.push(...messageFrames(late, await openBodies(deps, late)))
        const last = read.at(-1)
        if (!last || last.position > start.kept) break
        next = (last.seq + 1) as Seq
      }
    }
  }
  const frames = [
    ...changeFrames(device.userId, missed.changes),
    ...messages,
    ...deletedFrames(missed.changes),
    ...receiptFrames(missed.receipts),
    ...leavingFrames(missed.changes),
  ]
  return frames.filter(({ position }) => position <= start.kept).map(({ frame }) => JSON.stringify(frame))
}

async function pageUpTo(
  deps: OpenBodiesDeps,
  { userId, deviceId }: Device,
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
    ...changeFrames(userId, changes),
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
