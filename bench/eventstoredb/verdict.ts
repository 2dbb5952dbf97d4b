/** Whether a ledger holds what was acknowledged: every message once and in order, every receipt, and whole hash chains. */
import type { MessageId } from '../../domain/ids.ts'
import { GENESIS_HASH, hashOf } from '../../ledger/hash-chain.ts'
import type { Ledger, RecordedEvent, StreamName } from '../../ledger/ledger.ts'
import { conversationStream, deliveryStream } from '../../ledger/streams.ts'
import type { Talk } from './commands.ts'

/** A sentence for everything that is wrong; empty if nothing is. */
export async function whatIsWrong(ledger: Ledger, talks: readonly Talk[]): Promise<readonly string[]> {
  const wrong: string[] = []
  for (const { conversationId, sent, messages } of talks) {
    const say = (what: string) => wrong.push(`conversation ${conversationId}: ${what}`)
    const seen: MessageId[] = []
    for (const { type, data } of await chained(ledger, conversationStream(conversationId), say)) {
      if (type !== 'MessageSent') continue
      const { seq, messageId } = data as { readonly seq: number; readonly messageId: MessageId }
      seen.push(messageId)
      if (seq !== seen.length) say(`seq ${seq} at place ${seen.length}`)
      if (sent.get(seq) !== messageId) say(`seq ${seq} is not the message that was acknowledged with it`)
    }
    const times = (messageId: MessageId) => seen.filter((one) => one === messageId).length
    for (const { messageId } of messages) {
      if (times(messageId) !== 1) say(`message ${messageId} is there ${times(messageId)} times`)
    }
    const upTo: Record<string, number> = {}
    for (const { type, data } of await chained(ledger, deliveryStream(conversationId), say)) {
      const { fromSeq, toSeq } = data as { readonly fromSeq: number; readonly toSeq: number }
      if (fromSeq !== (upTo[type] ?? 0) + 1) say(`${type} from ${fromSeq} after ${upTo[type] ?? 0}`)
      upTo[type] = toSeq
    }
    for (const life of ['MessageDelivered', 'MessageRead']) {
      if (upTo[life] !== seen.length) say(`${life} up to ${upTo[life]} of ${seen.length}`)
    }
  }
  return wrong
}

async function chained(
  ledger: Ledger,
  stream: StreamName,
  say: (what: string) => void,
): Promise<readonly RecordedEvent[]> {
  const events: RecordedEvent[] = []
  let previous = GENESIS_HASH
  for await (const event of ledger.readStream(stream)) {
    const { prevHash, hash } = event.metadata
    if (prevHash !== previous || hash !== hashOf(event))
      say(`the chain of ${stream} breaks at revision ${event.revision}`)
    previous = hash ?? ''
    events.push(event)
  }
  return events
}
