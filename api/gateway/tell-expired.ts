/** Tells the members of a conversation on this node that the time of some messages is over, as the retention worker reports it. */
import type { CommandHandler } from '../../ledger/handle-command.ts'
import type { Position, Revision } from '../../ledger/ledger.ts'
import type { Expired } from '../../runtime/bus/messages.ts'
import { expiredFrame } from './frames.ts'
import type { Hub } from './hub.ts'

export async function tellExpired(
  handler: Pick<CommandHandler, 'conversation'>,
  hub: Pick<Hub, 'deliver'>,
  { conversationId, messages, seqBefore, previousPosition }: Expired,
): Promise<void> {
  // Fresh: the next message of this node is then decided on what the worker has recorded, without a conflict.
  const { members } = await handler.conversation(conversationId, true)
  const place = { conversationId, seqBefore, previousPosition: BigInt(previousPosition) as Position }
  for (const { revision, ...message } of messages) {
    const json = JSON.stringify(expiredFrame({ conversationId, ...message }))
    for (const userId of members.keys())
      hub.deliver(userId, { json, place: { ...place, revision: revision as Revision } })
  }
}
