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
import { type ConversationId, NO_SEQ, type Seq } from '../../domain/ids.ts'
import { encode } from '../codec/encode.ts'
import { deliveryStream } from '../streams.ts'
import type { Addressed, CommandHandlerDeps } from './contract.ts'
import type { ConversationLane } from './conversation-lane.ts'
import type { Group } from './groups.ts'
import { createLane, type Lane } from './lane.ts'
import type { Folded } from './stream-fold.ts'
import type { StreamReads } from './stream-reads.ts'

export type DeliveryLane = Lane<DeliveryState, Addressed<DeliveryCommand>, DeliveryResult>

/**
 * A read may be two events: reading implies delivered. The ids of person and device, of up to 192 characters together, stand in the command's own id,
 * and five times in each event.
 */
const weigh = ({ envelope: { commandId } }: Addressed<DeliveryCommand>): number =>
  2 * Math.max(1000, 600 + 5 * commandId.length)

export function createDeliveryLane(
  deps: CommandHandlerDeps,
  conversationId: ConversationId,
  conversationLane: ConversationLane,
  reads: StreamReads,
): DeliveryLane {
  const stream = deliveryStream(conversationId)
  let conversation: Folded<ConversationState>
  /** Loaded at the first look of this batch: its commands have nothing to learn of the tail. */
  let isReadNow = false

  return createLane({
    ledger: deps.ledger,
    snapshots: deps.snapshots,
    reads,
    stream,
    fold: {
      stateVersion: DELIVERY_STATE_VERSION,
      initial: () => initialDelivery(conversationId),
      draft: draftDelivery,
      evolve: (state: DeliveryState, event: DeliveryEvent) => evolveDelivery(state, event),
    },
    prepare: async (fresh) => {
      if (!fresh) isReadNow = conversationLane.durable === undefined
      // What is being sent may be what is acknowledged: one array of frames may hold both.
      if (fresh) await conversationLane.settled()
      // Asked for as fresh, because a load may be under way that began before this batch.
      conversation = await conversationLane.current(fresh !== isReadNow)
      const { state } = conversation
      return (command: Addressed<DeliveryCommand>, draft: DeliveryState) =>
        decideDelivery(command, draft, state)
    },
    // Nobody has received or tried anything of what was never begun. Anybody may say so of any id: it costs one stream, not two.
    isEmpty: () => conversation.state.kind === undefined,
    merge: mergeAcknowledgements,
    weigh,
    encode: (event, command, index) => encode(event, stream, command.envelope, index, deps.node),
    committed: (events, before, after) =>
      deps.onCommitted?.({
        conversationId,
        events,
        revision: after.revision,
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
 * Acknowledgements of one kind of one device that wait together become the one that reaches furthest: a range covers them all. It
 * takes the place of its last, for it must not overtake what came before: a read covers what is delivered as well, and a person's
 * read on one device what they read on another. One that goes back stays alone, and nothing of before it comes after it: it is
 * refused, as it would be alone. Nor does anything change its place with what the delivery worker records.
 */
function mergeAcknowledgements(commands: readonly DeliveryCommand[]): readonly Group[] {
  const groups: number[][] = []
  const open = new Map<string, number[]>()
  /** Furthest so far: what each device has, and what each person has read. */
  const reached = new Map<string, Seq>()
  const reach = (place: string, upTo: Seq) => {
    if (upTo > (reached.get(place) ?? NO_SEQ)) reached.set(place, upTo)
  }
  for (const [index, command] of commands.entries()) {
    if (command.type !== 'acknowledge') {
      open.clear()
      groups.push([index])
      continue
    }
    const { kind, userId, upTo } = command
    const device = `${command.deviceId} ${userId}`
    const goesBack = upTo < (reached.get(kind === 'read' ? userId : device) ?? NO_SEQ)
    if (goesBack) open.clear()
    const group = open.get(`${kind} ${device}`)
    if (group) {
      group.push(index)
    } else {
      const begun = [index]
      groups.push(begun)
      if (!goesBack) open.set(`${kind} ${device}`, begun)
    }
    reach(device, upTo)
    if (kind === 'read') reach(userId, upTo)
  }
  return groups
}
