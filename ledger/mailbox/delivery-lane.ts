/** The lane of `delivery-<id>`: receipts and attempts, decided against the conversation as far as it is durable. */
import type { ConversationState } from '../../domain/conversation/state.ts'
import type { DeliveryCommand, DeliveryResult } from '../../domain/delivery/commands.ts'
import { decideDelivery } from '../../domain/delivery/decide.ts'
import {
  DELIVERY_STATE_VERSION,
  type DeliveryState,
  draftDelivery,
  evolveDelivery,
  initialDelivery,
} from '../../domain/delivery/state.ts'
import type { DeliveryEvent } from '../../domain/events.ts'
import type { ConversationId } from '../../domain/ids.ts'
import { encode } from '../codec/encode.ts'
import { deliveryStream } from '../streams.ts'
import type { Addressed, CommandHandlerDeps } from './contract.ts'
import type { ConversationLane } from './conversation-lane.ts'
import { createLane, type Lane } from './lane.ts'
import type { Folded } from './stream-fold.ts'

export type DeliveryLane = Lane<DeliveryState, Addressed<DeliveryCommand>, DeliveryResult>

/** A read may be two events: reading implies delivered. */
const RECEIPT_BYTES = 2 * 1000

export function createDeliveryLane(
  deps: CommandHandlerDeps,
  conversationId: ConversationId,
  conversationLane: ConversationLane,
): DeliveryLane {
  const stream = deliveryStream(conversationId)
  let conversation: Folded<ConversationState>

  return createLane({
    ledger: deps.ledger,
    snapshots: deps.snapshots,
    stream,
    fold: {
      stateVersion: DELIVERY_STATE_VERSION,
      initial: () => initialDelivery(conversationId),
      draft: draftDelivery,
      evolve: (state: DeliveryState, event: DeliveryEvent) => evolveDelivery(state, event),
    },
    prepare: async (fresh) => {
      conversation = await conversationLane.current(fresh)
      const { state } = conversation
      return (command: Addressed<DeliveryCommand>, draft: DeliveryState) =>
        decideDelivery(command, draft, state)
    },
    merge: mergeAcknowledgements,
    weigh: () => RECEIPT_BYTES,
    encode: (event, command, index) => encode(event, stream, command.envelope, index, deps.node),
    committed: (events, before, after) =>
      deps.onCommitted?.({
        conversationId,
        events,
        position: after.position,
        before: conversation.state,
        after: conversation.state,
        previousPosition: before.position,
        deliveredBefore: before.state,
      }),
    report: deps.report,
  })
}

/**
 * Acknowledgements of one device that wait together become the one that reaches furthest: a range covers them all. An
 * acknowledgement further back than the one before it stays alone, for it has to be refused.
 */
export function mergeAcknowledgements(commands: readonly DeliveryCommand[]): readonly (readonly number[])[] {
  const groups: number[][] = []
  const last = new Map<string, { readonly group: number[]; readonly upTo: number }>()
  for (const [index, command] of commands.entries()) {
    if (command.type !== 'acknowledge') {
      groups.push([index])
      continue
    }
    const device = `${command.kind} ${command.deviceId} ${command.userId}`
    const open = last.get(device)
    if (open && command.upTo >= open.upTo) {
      open.group.push(index)
      last.set(device, { group: open.group, upTo: command.upTo })
      continue
    }
    const group = [index]
    groups.push(group)
    if (!open) last.set(device, { group, upTo: command.upTo })
  }
  return groups
}
