/** Who is typing, told to the members who are online: at most once in 3 s per person and conversation. Stores nothing. */
import type { ConversationId, UserId } from '../../domain/ids.ts'
import type { CommandHandler } from '../../ledger/handle-command.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { TypingFrame } from '../../protocol/server-frames.ts'
import type { Announcement } from '../gateway/announce.ts'

export interface TypingDeps {
  readonly handler: Pick<CommandHandler, 'conversation'>
  readonly tell: (announcement: Announcement) => void
  /** Whether there is room for typing now; otherwise it is dropped. */
  readonly allows: () => boolean
}

export interface Typing {
  /** The refusal, if the person may not. */
  typed(userId: UserId, conversationId: ConversationId): Promise<ErrorCode | undefined>
  /** Whether what another node says of somebody's typing may be passed on, under the same limit. */
  admits(key: string): boolean
}

export const TYPING_EVERY_MS = 3_000

export function createTyping({ handler, tell, allows }: TypingDeps): Typing {
  const admits = createPace(TYPING_EVERY_MS)

  return {
    typed: async (userId, conversationId) => {
      // Before the conversation is read, which may have to be loaded.
      if (!allows()) return undefined
      const { kind, members } = await handler.conversation(conversationId)
      if (kind === undefined) return 'not_found'
      if (!members.has(userId)) return 'not_member'
      const key = `${userId} ${conversationId}`
      if (!admits(key)) return undefined
      const json = JSON.stringify({ t: 'typing', conversationId, userId } satisfies TypingFrame)
      const recipients = [...members.keys()].filter((member) => member !== userId)
      tell({ recipients, delivery: { json, typing: key } })
      return undefined
    },
    admits,
  }
}

/** `true` at most once in `everyMs` per key. Two generations of keys, so that nothing has to be swept. */
function createPace(everyMs: number): (key: string) => boolean {
  let young = new Map<string, number>()
  let old = new Map<string, number>()
  let turnedAt = performance.now()
  return (key) => {
    const now = performance.now()
    if (now - turnedAt > everyMs) {
      old = now - turnedAt > 2 * everyMs ? new Map() : young
      young = new Map()
      turnedAt = now
    }
    const last = young.get(key) ?? old.get(key)
    if (last !== undefined && now - last < everyMs) return false
    young.set(key, now)
    return true
  }
}
