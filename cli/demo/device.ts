/** A device in the demo: a connection that remembers what it was sent and acknowledges messages as they come, like any client. */
import { type Connection, connect } from '../../client/connection.ts'
import type { ConversationId, Seq } from '../../domain/ids.ts'
import type { MessageFrame, ReceiptFrame, ServerFrame } from '../../protocol/server-frames.ts'
import type { System } from '../system/system.ts'

export interface Person {
  readonly userId: string
  readonly name: string
}

export interface Device {
  readonly person: Person
  readonly label: string
  readonly connection: Connection
  /** Resolves with the message, also if it is there already. Rejects after a while. */
  message(conversationId: ConversationId, seq: Seq): Promise<MessageFrame>
  receipt(conversationId: ConversationId, kind: ReceiptFrame['kind'], upTo: Seq): Promise<ReceiptFrame>
  read(conversationId: ConversationId, upTo: Seq): Promise<void>
  /** Called for every receipt from now on. */
  onReceipt(listener: (receipt: ReceiptFrame) => void): void
  close(): Promise<void>
}

const PATIENCE_MS = 10_000

/** Resolves when the device is live, with everything that it missed. */
export async function openDevice(system: System, person: Person, label: string): Promise<Device> {
  const seen: ServerFrame[] = []
  let waiting: ((frame: ServerFrame) => void)[] = []
  const listeners: ((receipt: ReceiptFrame) => void)[] = []

  const connection = await connect({
    url: system.url,
    token: await system.tokenFor(person.userId, person.name),
    deviceId: label,
    onFrame: (frame) => {
      seen.push(frame)
      if (frame.t === 'message' && frame.senderId !== person.userId) acknowledge(frame)
      if (frame.t === 'receipt') for (const listener of listeners) listener(frame)
      for (const look of waiting) look(frame)
    },
  })

  /** Fails only with the connection, and then whoever waits for something learns it. */
  function acknowledge({ conversationId, seq }: MessageFrame): void {
    connection.delivered(conversationId, seq).catch(() => {})
  }

  function until<Frame extends ServerFrame>(wanted: (frame: ServerFrame) => frame is Frame): Promise<Frame> {
    const there = seen.find(wanted)
    if (there) return Promise.resolve(there)
    return new Promise((resolve, reject) => {
      const look = (frame: ServerFrame) => {
        if (wanted(frame)) settle(() => resolve(frame))
      }
      const settle = (how: () => void) => {
        clearTimeout(timer)
        waiting = waiting.filter((other) => other !== look)
        how()
      }
      const timer = setTimeout(
        () => settle(() => reject(new Error(`${person.name}'s ${label} waited ${PATIENCE_MS} ms in vain`))),
        PATIENCE_MS,
      )
      waiting.push(look)
    })
  }

  await connection.live
  return {
    person,
    label,
    connection,
    message: (conversationId, seq) =>
      until(
        (frame): frame is MessageFrame =>
          frame.t === 'message' && frame.conversationId === conversationId && frame.seq === seq,
      ),
    receipt: (conversationId, kind, upTo) =>
      until(
        (frame): frame is ReceiptFrame =>
          frame.t === 'receipt' &&
          frame.conversationId === conversationId &&
          frame.kind === kind &&
          frame.upTo >= upTo,
      ),
    read: async (conversationId, upTo) => {
      await connection.read(conversationId, upTo)
    },
    onReceipt: (listener) => listeners.push(listener),
    close: async () => {
      await connection.close()
    },
  }
}
