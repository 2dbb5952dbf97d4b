/** What one person's client has seen of one conversation. Only what came over its sockets; it asks nobody. */
import type { ConversationId, Seq, UserId } from '../../domain/ids.ts'
import type { MessageFrame, ReceiptFrame } from '../../protocol/server-frames.ts'

export interface Faults {
  /** A message came twice on one connection. */
  doubled: number
  /** A message came after a later one. */
  outOfOrder: number
}

/** How far others are, as the receipts have told. */
export interface Progress {
  delivered: number
  read: number
}

export interface Thread {
  readonly conversationId: ConversationId
  /** Of the last message that came. */
  received: Seq
  /** The server has confirmed it. */
  readonly acknowledged: Progress
  /** By person. */
  readonly others: ReadonlyMap<UserId, Progress>
  /** Messages that were seen, each counted once. */
  readonly count: number
  has(seq: number): boolean
  /** Whether it is news. After a reconnect a message may come again; then it is not. @param connection its number. */
  message(frame: MessageFrame, connection: number): boolean
  receipt(frame: ReceiptFrame): void
}

export function createThread(conversationId: ConversationId, faults: Faults): Thread {
  let seen = new Uint8Array(16)
  let count = 0
  let connectionNow = 0
  let lastInConnection = 0
  const others = new Map<UserId, Progress>()

  const has = (seq: number): boolean => seen[seq] === 1

  function mark(seq: number): void {
    if (seq >= seen.length) {
      const longer = new Uint8Array(Math.max(seq + 1, seen.length * 2))
      longer.set(seen)
      seen = longer
    }
    seen[seq] = 1
    count++
  }

  const thread: Thread = {
    conversationId,
    received: 0 as Seq,
    acknowledged: { delivered: 0, read: 0 },
    others,
    get count() {
      return count
    },
    has,
    message: ({ seq }, connection) => {
      if (connection !== connectionNow) {
        connectionNow = connection
        lastInConnection = 0
      }
      const known = has(seq)
      if (seq > lastInConnection) lastInConnection = seq
      else if (known) faults.doubled++
      else faults.outOfOrder++
      if (known) return false
      mark(seq)
      if (seq > thread.received) thread.received = seq
      return true
    },
    receipt: ({ userId, kind, upTo }) => {
      const progress = others.get(userId) ?? { delivered: 0, read: 0 }
      progress[kind] = Math.max(progress[kind], upTo)
      // Reading implies having it.
      progress.delivered = Math.max(progress.delivered, progress.read)
      others.set(userId, progress)
    },
  }
  return thread
}
