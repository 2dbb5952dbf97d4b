/**
 * The command path in one process, without sockets: decide, seal, chain, append. Pairs talk in closed loop, and each message
 * goes through its three lives, all durable. Everything that an api process has on this path is there; nothing is switched off.
 */
import { randomUUID } from 'node:crypto'
import { acknowledgeCommand, sendCommand, userEnvelope } from '../../api/messages/commands.ts'
import { type ComposedMessage, compose } from '../../client/message-id.ts'
import type { ConversationId, DeviceId, MessageId, Millis, UserId } from '../../domain/ids.ts'
import type { CommandHandler } from '../../ledger/handle-command.ts'
import type { Answer } from '../../ledger/mailbox/contract.ts'
import type { EventStoreSettings } from './settings.ts'

export interface Talk {
  readonly conversationId: ConversationId
  readonly writer: UserId
  readonly reader: UserId
  /** Still to be sent; composed before the clock runs, for that is the sender's device's work. */
  readonly messages: readonly ComposedMessage[]
  /** By seq, as they were acknowledged. */
  readonly sent: Map<number, MessageId>
}

const DEVICE = 'phone' as DeviceId

/** Conversations that have begun, their lanes loaded and their keys made, as those that people talk in are. */
export async function beginTalks(
  handler: CommandHandler,
  { pairs, messagesPerPair, textBytes }: EventStoreSettings,
): Promise<readonly Talk[]> {
  const text = 'The quick brown fox jumps over the lazy dog. '.repeat(200).slice(0, textBytes)
  const talks = Array.from({ length: pairs }, (_, index): Talk => {
    const conversationId = randomUUID() as string as ConversationId
    const [writer, reader] = [`ann.${index}` as UserId, `ben.${index}` as UserId]
    const sender = { userId: writer, deviceId: DEVICE }
    const messages = Array.from({ length: messagesPerPair + 1 }, () =>
      compose(sender, conversationId, { kind: 'text', text }),
    )
    return { conversationId, writer, reader, messages, sent: new Map() }
  })
  await Promise.all(
    talks.map(async (talk) => {
      const { conversationId, writer: by, reader } = talk
      const start = {
        type: 'start',
        kind: 'direct',
        at: Date.now() as Millis,
        by,
        members: [reader],
      } as const
      done(await handler.converse(conversationId, { ...start, envelope: userEnvelope(by, DEVICE) }))
      await threeLives(handler, talk, talk.messages[0] as ComposedMessage)
    }),
  )
  return talks
}

/** All messages but the first, so many of each pair on their way at a time. */
export async function talkOn(
  handler: CommandHandler,
  talks: readonly Talk[],
  inFlight: number,
): Promise<void> {
  const speaking = talks.flatMap((talk) => {
    const messages = talk.messages.values()
    messages.next()
    return Array.from({ length: inFlight }, async () => {
      for (const message of messages) await threeLives(handler, talk, message)
    })
  })
  await Promise.all(speaking)
}

/** Sent, then delivered and read at once, as by a device whose person is looking. */
async function threeLives(
  handler: CommandHandler,
  { conversationId, writer, reader, sent }: Talk,
  message: ComposedMessage,
): Promise<void> {
  const send = sendCommand(message, writer, DEVICE)
  if ('code' in send) throw new Error(send.message)
  const { seq } = done(await handler.converse(conversationId, send))
  sent.set(seq, message.messageId)
  const acknowledge = (kind: 'delivered' | 'read') =>
    handler.deliver(conversationId, acknowledgeCommand(kind, conversationId, seq, reader, DEVICE))
  for (const answer of await Promise.all([acknowledge('delivered'), acknowledge('read')])) done(answer)
}

function done<Result>(answer: Answer<Result>): Result {
  if (answer.kind === 'done') return answer.result
  throw new Error(`a command was answered ${answer.kind}`, { cause: answer })
}
