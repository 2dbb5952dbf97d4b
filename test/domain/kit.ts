/** given facts, when a command, then facts or a rejection: the shape of every decider test. */
import { expect } from 'vitest'
import type { Body } from '../../domain/body.ts'
import type { ConversationCommand, Send } from '../../domain/conversation/commands.ts'
import { decideConversation } from '../../domain/conversation/decide.ts'
import {
  type ConversationState,
  evolveConversation,
  initialConversation,
} from '../../domain/conversation/state.ts'
import type { RejectionCode } from '../../domain/decision.ts'
import type { DeliveryCommand } from '../../domain/delivery/commands.ts'
import { decideDelivery } from '../../domain/delivery/decide.ts'
import { type DeliveryState, evolveDelivery, initialDelivery } from '../../domain/delivery/state.ts'
import type { ConversationEvent, DeliveryEvent } from '../../domain/events.ts'
import type { ConversationId, DeviceId, MessageId, Millis, UserId } from '../../domain/ids.ts'

export const CONVERSATION = '0190a1b2-0000-7000-8000-000000000001' as ConversationId
export const [ALICE, BOB, CARL] = ['alice', 'bob', 'carl'] as UserId[] as [UserId, UserId, UserId]
export const PHONE = 'phone' as DeviceId
export const LAPTOP = 'laptop' as DeviceId
export const at = (millis: number): Millis => millis as Millis

export interface World {
  readonly conversation: ConversationState
  readonly delivery: DeliveryState
}

export const emptyWorld = (): World => ({
  conversation: initialConversation(CONVERSATION),
  delivery: initialDelivery(CONVERSATION),
})

/** Carries commands out one after another; each must be accepted, or done already. */
export function given(...commands: readonly (ConversationCommand | DeliveryCommand)[]): World {
  const world = emptyWorld()
  for (const command of commands) {
    const decision = when(world, command)
    expect(['accepted', 'already-done']).toContain(decision.kind)
    if (decision.kind === 'accepted') for (const event of decision.events) apply(world, event)
  }
  return world
}

export function when(world: World, command: ConversationCommand | DeliveryCommand) {
  return isDelivery(command)
    ? decideDelivery(command, world.delivery, world.conversation)
    : decideConversation(command, world.conversation)
}

export function apply(world: World, event: ConversationEvent<Body> | DeliveryEvent): void {
  if ('userId' in event && 'toSeq' in event) evolveDelivery(world.delivery, event)
  else evolveConversation(world.conversation, event as ConversationEvent<Body>)
}

export function thenRejected(decision: ReturnType<typeof when>, code: RejectionCode): void {
  expect(decision).toMatchObject({ kind: 'rejected', code })
}

const isDelivery = (command: ConversationCommand | DeliveryCommand): command is DeliveryCommand =>
  ['acknowledge', 'record-attempt', 'record-exhausted'].includes(command.type)

export const startGroup = (by: UserId, ...members: UserId[]): ConversationCommand => ({
  type: 'start',
  at: at(1),
  by,
  kind: 'group',
  members,
})

export const startDirect = (by: UserId, other: UserId): ConversationCommand => ({
  type: 'start',
  at: at(1),
  by,
  kind: 'direct',
  members: [other],
})

export const send = (by: UserId, name: string, more: Partial<Send> = {}): Send => ({
  type: 'send',
  at: at(10),
  by,
  messageId: name as MessageId,
  deviceId: PHONE,
  nonce: 'n'.repeat(16),
  clientAt: at(10),
  body: { kind: 'text', text: name },
  ...more,
})

export const acknowledge = (
  kind: 'delivered' | 'read',
  userId: UserId,
  upTo: number,
  deviceId = PHONE,
): DeliveryCommand => ({ type: 'acknowledge', at: at(20), kind, userId, deviceId, upTo: upTo as never })

export const attempt = (userId: UserId, fromSeq: number, toSeq: number): DeliveryCommand => ({
  type: 'record-attempt',
  at: at(30),
  userId,
  fromSeq: fromSeq as never,
  toSeq: toSeq as never,
  channel: 'socket',
  outcome: 'offline',
})
