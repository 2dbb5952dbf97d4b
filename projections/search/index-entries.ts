/** From the events of conversations to what they change in the search index. Opens bodies, writes nothing. */
import type { DomainEvent, MessageSent } from '../../domain/events.ts'
import type { ConversationId, Seq, UserId } from '../../domain/ids.ts'
import { mentionsIn, searchableText } from '../../domain/search/content.ts'
import type { Position } from '../../ledger/ledger.ts'
import type { BlindLexemes } from '../../ledger/sealing/blind-lexemes.ts'
import type { ContentKeys } from '../../ledger/sealing/content-keys.ts'
import { CannotUnseal, unseal } from '../../ledger/sealing/seal.ts'
import { createTurns } from '../../runtime/turns.ts'

/** A message from which no entry can be made, however often it is tried. Tells no content but what the cause does. */
export class UnindexableMessage extends Error {
  override readonly name = 'UnindexableMessage'
}

export interface Placed {
  readonly event: DomainEvent
  readonly position: Position
}

interface Place {
  readonly conversationId: ConversationId
  readonly seq: Seq
}

export interface IndexEntries {
  readonly messages: readonly (Place & { readonly position: Position; readonly lexemes: string })[]
  readonly mentions: readonly (Place & { readonly position: Position; readonly userId: UserId })[]
  /** Of messages that are no more, of earlier batches; those of this one are not among the `messages`. */
  readonly removed: readonly Place[]
}

export const NO_ENTRIES: IndexEntries = { messages: [], mentions: [], removed: [] }

export interface EntryDeps {
  readonly lexemes: BlindLexemes
  readonly contentKeys: ContentKeys
}

/** This thread projects too. A text of 8,192 ideographs takes 30 ms to take apart. */
const TURN_MS = 10

type Sent = Placed & { readonly event: MessageSent }

/** @throws UnindexableMessage; anything else is of the database. */
export async function indexEntries(deps: EntryDeps, placed: readonly Placed[]): Promise<IndexEntries> {
  const removed = placed.flatMap(({ event }) => (event.type === 'MessageDeleted' ? [event] : []))
  const gone = new Set(removed.map(nameOf))
  const sent = placed.filter(
    (one): one is Sent => one.event.type === 'MessageSent' && !gone.has(nameOf(one.event)),
  )
  const keys = await deps.contentKeys.find(sent.map(({ event }) => event))
  const messages: IndexEntries['messages'][number][] = []
  const mentions: IndexEntries['mentions'][number][] = []
  const turnIsOver = createTurns(TURN_MS)
  for (const { event, position } of sent) {
    const pause = turnIsOver()
    if (pause) await pause
    const { conversationId, seq, senderId } = event
    try {
      const body = open(event, keys.of(event))
      if (!body) continue
      const lexemes = deps.lexemes.document(conversationId, seq, searchableText(body) ?? '')
      if (lexemes !== '') messages.push({ conversationId, seq, position, lexemes })
      for (const userId of mentionsIn(body)) {
        if (userId !== senderId) mentions.push({ conversationId, seq, position, userId })
      }
    } catch (cause) {
      throw new UnindexableMessage(`message ${seq} of ${conversationId}`, { cause })
    }
  }
  return { messages, mentions, removed }
}

const nameOf = ({ conversationId, seq }: Place): string => `${conversationId} ${seq}`

/** Undefined for a body that is not in the ledger, or whose key was destroyed: nobody reads it, so nobody searches it. */
function open({ messageId, body }: MessageSent, key: Buffer | undefined) {
  if (!key || body.bytes === undefined) return undefined
  try {
    return unseal(key, messageId, Buffer.from(body.bytes, 'base64'))
  } catch (error) {
    if (error instanceof CannotUnseal) return undefined
    throw error
  }
}
