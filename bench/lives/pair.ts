/**
 * Two people of a load test: one writes, the other acknowledges. Follows every message of theirs through its three lives and
 * counts what must not happen. Knows no socket and no clock: it is given frames and times, and answers with frames.
 */
import { createHash } from 'node:crypto'

/** What the two sides saw, added up. A message is `read` when its sender has the read receipt that covers it. */
export interface Tally {
  sent: number
  delivered: number
  read: number
  /** Acknowledged to the sender but never seen by the recipient, or seen with a hole before it. */
  lost: number
  /** The same message, or the same seq, a second time. */
  doubled: number
  /** Not in the order of seq, or numbered in another order than they were written. */
  outOfOrder: number
  /** Error frames by their code. Retryable ones are repeated by the generator, unless it counts refusals. */
  errors: Record<string, number>
  /** Answered `overloaded` and not repeated. */
  refused: number
}

export const noTally = (): Tally => ({
  sent: 0,
  delivered: 0,
  read: 0,
  lost: 0,
  doubled: 0,
  outOfOrder: 0,
  errors: {},
  refused: 0,
})

export interface PairOptions {
  readonly conversationId: string
  readonly senderId: string
  readonly deviceId: string
  /** 16 to 50 characters of `[A-Za-z0-9_-]`, of this pair alone. */
  readonly nonce: string
  readonly text: string
  readonly tally: Tally
  /** A message reached a life, so many milliseconds after it was meant to be sent. */
  readonly reached: (life: 'sent' | 'delivered' | 'read' | 'refused', afterMs: number) => void
}

/** The fields of server frames that matter here. */
export interface Received {
  readonly t: string
  readonly ref?: number
  readonly seq?: number
  readonly messageId?: string
  readonly kind?: 'delivered' | 'read'
  readonly upTo?: number
  readonly userId?: string
  readonly code?: string
  readonly retryable?: boolean
}

export interface Pair {
  /** The JSON of the next `send`. @param at when it is meant to be sent. */
  compose(at: number): string
  /** Messages on their way to `read`. */
  readonly inFlight: number
  /** A frame for the sender; returns how many messages were read by it. */
  atSender(frame: Received, now: number): number
  /** A frame for the recipient; returns the acknowledgements it calls for. */
  atRecipient(frame: Received): readonly string[]
  /** The acknowledgements of all that the recipient has, to be sent again. */
  acknowledgements(): readonly string[]
  /** The JSON of a message that is not `sent` yet, to be sent again. */
  again(ref: number): string | undefined
  /** It was refused, and is not repeated: should it arrive nevertheless, it counts as doubled. */
  refuse(ref: number, now: number): void
  /** Counts as lost what is still on its way. */
  giveUp(): void
}

export function createPair(options: PairOptions): Pair {
  const { conversationId, senderId, deviceId, nonce, text, tally, reached } = options
  const body = `{"kind":"text","text":${JSON.stringify(text)}}`
  const quotedId = JSON.stringify(conversationId)
  /** By the number of the message, its `ref`. */
  const unsent = new Map<number, string>()
  const startedAt = new Map<number, number>()
  const numberOf = new Map<string, number>()
  /** By seq, until it is read. */
  const bySeq = new Map<number, number>()
  let composed = 0
  let lastSentSeq = 0
  let lastSeq = 0
  const upTo = { delivered: 0, read: 0 }

  /** The canonical JSON is put together by hand: the keys and their order never change. */
  function compose(at: number): string {
    const number = ++composed
    const clientAt = Date.now()
    const ownNonce = `${nonce}${number}`
    const messageId = createHash('sha256')
      .update(
        `{"body":${body},"clientAt":${clientAt},"conversationId":${quotedId},"deviceId":"${deviceId}","nonce":"${ownNonce}","senderId":"${senderId}"}`,
      )
      .digest('hex')
    const frame = `{"t":"send","ref":${number},"conversationId":${quotedId},"messageId":"${messageId}","nonce":"${ownNonce}","clientAt":${clientAt},"body":${body}}`
    unsent.set(number, frame)
    startedAt.set(number, at)
    numberOf.set(messageId, number)
    return frame
  }

  function sent({ ref = 0, seq = 0 }: Received, now: number): void {
    if (!unsent.delete(ref)) {
      tally.doubled++
      return
    }
    tally.sent++
    if (seq <= lastSentSeq) tally.outOfOrder++
    lastSentSeq = seq
    const started = startedAt.get(ref)
    // Already read: its receipts were quicker than this answer.
    if (started === undefined) return
    bySeq.set(seq, ref)
    reached('sent', now - started)
  }

  function receipt({ kind = 'delivered', upTo: newUpTo = 0 }: Received, now: number): number {
    const before = upTo[kind]
    for (let seq = before + 1; seq <= newUpTo; seq++) {
      const number = bySeq.get(seq)
      if (number === undefined) continue
      tally[kind]++
      reached(kind, now - (startedAt.get(number) ?? now))
      if (kind === 'read') {
        bySeq.delete(seq)
        startedAt.delete(number)
      }
    }
    upTo[kind] = Math.max(before, newUpTo)
    return kind === 'read' ? upTo.read - before : 0
  }

  function message({ seq = 0, messageId = '' }: Received): readonly string[] {
    const number = numberOf.get(messageId)
    if (seq <= lastSeq || number === undefined) {
      tally.doubled++
      return []
    }
    numberOf.delete(messageId)
    bySeq.set(seq, number)
    if (seq > lastSeq + 1) {
      tally.outOfOrder++
      tally.lost += seq - lastSeq - 1
    }
    lastSeq = seq
    return acknowledgements()
  }

  function acknowledgements(): readonly string[] {
    const ack = `"conversationId":${quotedId},"upTo":${lastSeq}}`
    return [`{"t":"delivered",${ack}`, `{"t":"read",${ack}`]
  }

  return {
    compose,
    get inFlight() {
      return startedAt.size
    },
    atSender: (frame, now) => {
      if (frame.t === 'receipt') return receipt(frame, now)
      if (frame.t === 'sent') sent(frame, now)
      return 0
    },
    atRecipient: (frame) => (frame.t === 'message' ? message(frame) : []),
    acknowledgements,
    again: (ref) => unsent.get(ref),
    refuse: (ref, now) => {
      const frame = unsent.get(ref)
      if (frame === undefined) return
      const { messageId } = JSON.parse(frame) as { messageId: string }
      reached('refused', now - (startedAt.get(ref) ?? now))
      tally.refused++
      unsent.delete(ref)
      startedAt.delete(ref)
      numberOf.delete(messageId)
    },
    giveUp: () => {
      tally.lost += startedAt.size
      startedAt.clear()
      bySeq.clear()
      unsent.clear()
    },
  }
}
