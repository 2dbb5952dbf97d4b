/** Tells the api nodes which messages' time to live is over, so that people who look at them hear of it. A hint only. */
import type { UnsealedEvent } from '../../domain/events.ts'
import type { Committed } from '../../ledger/mailbox/contract.ts'
import { type Bus, nodeChannel } from '../../runtime/bus/bus.ts'
import { publishInParts } from '../../runtime/bus/in-parts.ts'
import type { Expired } from '../../runtime/bus/messages.ts'
import type { SessionDirectory } from '../../runtime/sessions/directory.ts'

export async function reportExpired(
  {
    bus,
    directory,
  }: {
    readonly bus: Pick<Bus, 'maxPayload' | 'publish'>
    readonly directory: Pick<SessionDirectory, 'nodesOf'>
  },
  { conversationId, events, revision, after, before, previousPosition }: Committed,
): Promise<void> {
  const messages = (events as readonly UnsealedEvent[]).flatMap((event, index) =>
    event.type === 'MessageExpired' && event.reason === 'ttl'
      ? [
          {
            seq: event.seq,
            messageId: event.messageId,
            at: event.at,
            revision: revision - (events.length - 1 - index),
          },
        ]
      : [],
  )
  if (messages.length === 0) return
  const nodes = [...(await directory.nodesOf([...after.members.keys()])).keys()]
  const payloadOf = (part: Expired['messages']): string =>
    JSON.stringify({
      kind: 'expired',
      conversationId,
      messages: part,
      seqBefore: before.lastSeq,
      previousPosition: String(previousPosition),
    } satisfies Expired)
  for (const node of nodes) publishInParts(bus, nodeChannel(node), messages, payloadOf)
}
