/**
 * Pages of a conversation as `message` frames, read, opened and written as JSON once for all who catch up on it at the same time.
 * The same for everybody: who may read a message, and who has sent it, is for the caller to look at.
 *
 * A page is known by all that it depends on: the conversation, its seqs, and the last deletion before whoever asks looked. So a
 * word that was deleted before they came is in none of theirs. One with a temporary body is never kept: it is read for each.
 *
 * 1,000 people who missed 500 messages each, in groups of 50: half of the api's work was reading, opening and writing them.
 */
import { LRUCache } from 'lru-cache'
import type pg from 'pg'
import type { ConversationId, DeviceId, Seq, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import type { ContentKeys } from '../../ledger/sealing/content-keys.ts'
import type { Stretch } from '../../projections/queries/conversations-to-catch-up.ts'
import { messagesBetween } from '../../projections/queries/messages-between.ts'
import { openBodies } from '../messages/open-bodies.ts'
import { messageFrames } from './missed-frames.ts'
import type { Turns } from './turns.ts'

export interface MessagePagesDeps {
  readonly pool: pg.Pool
  readonly contentKeys: ContentKeys
  readonly turns: Turns
}

export interface Page extends Stretch {
  readonly conversationId: ConversationId
  readonly deletedUpTo: Position | null
}

export interface MessageJson {
  readonly seq: Seq
  readonly senderId: UserId
  readonly deviceId: DeviceId
  readonly position: Position
  readonly json: string
}

export interface ReadPage {
  readonly messages: readonly MessageJson[]
  /** It ends here: before what was asked for, where bodies are large. */
  readonly upTo: Seq
}

export type MessagePages = (page: Page) => Promise<ReadPage>

interface Rendered extends ReadPage {
  readonly isTemporary: boolean
}

const PAGE = 200
/** Of bodies, and one more: whoever does not read has a page waiting for them, and holds it. 200 of the largest were 12.4 MB. */
const PAGE_BYTES = 512 * 1024
/** In UTF-16 units of JSON: 32 MB at most, and half as much again for the objects around short messages. */
const KEPT_UNITS = 16 * 1024 * 1024
/** Once it is made. Deleted words are in memory no longer than that; those of a destroyed key as long as the key is known, and this. */
const KEPT_MS = 5_000

/** The beginning of a stretch that is read as one page: pages end at the same seqs for everybody, wherever they begin. */
export const firstPageOf = ({ from, to }: Stretch): Stretch => ({
  from,
  to: Math.min(to, Math.ceil(from / PAGE) * PAGE) as Seq,
})

export function createMessagePages(deps: MessagePagesDeps): MessagePages {
  const kept = new LRUCache<string, Rendered>({
    maxSize: KEPT_UNITS,
    sizeCalculation: ({ messages }) => messages.reduce((sum, { json }) => sum + json.length, 1),
    ttl: KEPT_MS,
    ttlAutopurge: true,
  })
  const underWay = new Map<string, Promise<Rendered>>()

  async function render({ conversationId, from, to }: Page): Promise<Rendered> {
    const records = await messagesBetween(deps.pool, conversationId, { from, to, bytes: PAGE_BYTES })
    const frames = messageFrames(records, await openBodies(deps, records))
    return {
      messages: records.map(({ seq, senderId, deviceId, position }, index) => ({
        seq,
        senderId,
        deviceId,
        position,
        json: JSON.stringify(frames[index]?.frame),
      })),
      upTo: records.at(-1)?.seq ?? to,
      isTemporary: records.some(({ temporary }) => temporary !== null),
    }
  }

  return async (page) => {
    const { conversationId, from, to, deletedUpTo } = page
    const name = `${conversationId} ${from}-${to} ${deletedUpTo}`
    const known = kept.get(name) ?? underWay.get(name)
    // Of one that is under way it is only known in the end whether it may be shared.
    const shared = known && (await known)
    if (shared && !shared.isTemporary) return shared
    const rendering = deps.turns(() => render(page), 'begun')
    underWay.set(name, rendering)
    try {
      const rendered = await rendering
      if (!rendered.isTemporary) kept.set(name, rendered)
      return rendered
    } finally {
      if (underWay.get(name) === rendering) underWay.delete(name)
    }
  }
}
