/** The last facts that were pushed to a session and are no messages, as they were told: by conversation, in memory. Sends nothing. */
import type { ConversationId } from '../../domain/ids.ts'
import type { Revision } from '../../ledger/ledger.ts'

/** Of one conversation: more of them do not overtake each other, and may be told again when a live session catches up. */
const MOST = 200

export class ToldFacts {
  /** Their frames are shared by all who were told. */
  readonly #told = new Map<ConversationId, Map<Revision, string>>()

  /** `false` for one that is there already: a late push and what mends its gap may both bring it. */
  add(conversationId: ConversationId, revision: Revision, json: string): boolean {
    const told = this.#told.get(conversationId) ?? new Map<Revision, string>()
    if (told.has(revision)) return false
    this.#told.set(conversationId, told)
    told.set(revision, json)
    const [oldest] = told.keys()
    if (told.size > MOST) told.delete(oldest as Revision)
    return true
  }

  /** By the very bytes of its frame. */
  has(conversationId: ConversationId, json: string): boolean {
    for (const told of this.#told.get(conversationId)?.values() ?? []) if (told === json) return true
    return false
  }
}
