/** One message of the demo, from `send` to the last receipt: shows each tick as its sender sees it. */
import { compose } from '../../client/message-id.ts'
import type { ConversationId, MessageId, Seq } from '../../domain/ids.ts'
import type { ReceiptFrame } from '../../protocol/server-frames.ts'
import type { Device, Person } from './device.ts'
import type { Screen, Tick } from './screen.ts'

export interface FollowedMessage {
  readonly conversationId: ConversationId
  readonly messageId: MessageId
  readonly seq: Seq
  /** Milliseconds since it was sent. */
  age(): number
  /** Resolves when all of them have it, or have read it, as far as the sender knows. */
  until(kind: 'delivered' | 'read', people: readonly Person[]): Promise<void>
}

const PATIENCE_MS = 15_000

/** @param recipients everybody whose receipts count for its ticks. */
export async function sendAndFollow(
  screen: Screen,
  from: Device,
  conversationId: ConversationId,
  recipients: readonly Person[],
  text: string,
): Promise<FollowedMessage> {
  screen.says(from.person.name, text)
  const has = { delivered: new Set<string>(), read: new Set<string>() }
  const waiting = new Set<() => void>()
  let seq: Seq | undefined
  const message = compose(from.connection, conversationId, { kind: 'text', text })

  const tick = (): Tick => {
    if (has.read.size === recipients.length) return 'read'
    return has.delivered.size === recipients.length ? 'delivered' : 'sent'
  }

  /** A receipt may be quicker than `sent`, and only that tells whether it is of our message. */
  const early: ReceiptFrame[] = []
  const hear = (receipt: ReceiptFrame): void => {
    if (seq === undefined) {
      early.push(receipt)
      return
    }
    const { kind, userId, upTo } = receipt
    const person = recipients.find((recipient) => recipient.userId === userId)
    const ours = receipt.conversationId === conversationId && upTo >= seq
    if (!person || !ours || has[kind].has(userId)) return
    has[kind].add(userId)
    if (kind === 'read') has.delivered.add(userId)
    const of =
      recipients.length > 1 ? `${person.name} (${has[kind].size} of ${recipients.length})` : person.name
    screen.tick(tick(), kind, of, age())
    for (const look of waiting) look()
  }
  from.onReceipt(hear)

  const began = performance.now()
  const age = () => performance.now() - began
  const sent = await from.connection.send(message)
  seq = sent.seq
  screen.tick('sent', 'sent', `durable in the ledger as #${seq}`, age())
  early.forEach(hear)

  return {
    conversationId,
    messageId: message.messageId,
    seq,
    age,
    until: (kind, people) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`not ${kind} in ${PATIENCE_MS} ms`)), PATIENCE_MS)
        const look = () => {
          if (!people.every(({ userId }) => has[kind].has(userId))) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
  }
}
