/** A session on a socket that only remembers what it is given. */
import type { WebSocket } from 'ws'
import type { Delivery } from '../../../api/gateway/session.ts'
import { SocketSession } from '../../../api/gateway/socket-session.ts'
import type { ConversationId, DeviceId, Seq, UserId } from '../../../domain/ids.ts'
import type { Position } from '../../../ledger/ledger.ts'

export const CONVERSATION = 'c' as ConversationId
export const seq = (value: number) => value as Seq
export const position = (value: number) => BigInt(value) as Position

interface Given {
  readonly session: SocketSession
  /** What the socket was given, flattened. */
  sent(): string[]
  readonly behind: { times: number }
  readonly gaps: { times: number }
  readonly resyncs: { times: number }
  readonly reader: { backlog: number }
}

/** A session that is live at position 100. */
export function live(): Given {
  const given = arriving()
  given.session.startCatchingUp()
  given.session.settle(position(100), '"live"')
  return given
}

/** A session that is in the hub, and not welcomed yet. */
export function arriving(): Given {
  const frames: string[] = []
  const reader = { backlog: 0 }
  const behind = { times: 0 }
  const gaps = { times: 0 }
  const resyncs = { times: 0 }
  const socket = {
    OPEN: 1,
    readyState: 1,
    get bufferedAmount() {
      return reader.backlog
    },
    send: (frame: Buffer) => frames.push(String(frame)),
    close: () => {},
    resume: () => {},
  }
  const session = new SocketSession({
    socket: socket as unknown as WebSocket,
    userId: 'u' as UserId,
    deviceId: 'phone' as DeviceId,
    expiresAt: 0,
    events: {
      scheduleFlush: () => {},
      onBehind: () => behind.times++,
      onGap: () => gaps.times++,
      onResync: () => resyncs.times++,
      onNudge: () => {},
    },
  })
  return {
    session,
    behind,
    gaps,
    resyncs,
    reader,
    sent: () => {
      session.flush()
      return frames.flatMap((frame) => (frame.startsWith('[') ? JSON.parse(frame) : [JSON.parse(frame)]))
    },
  }
}

export const message = (number: number, previous: number): Delivery => ({
  json: JSON.stringify(number),
  place: {
    conversationId: CONVERSATION,
    seqBefore: seq(number - 1),
    seq: seq(number),
    previousPosition: position(previous),
  },
})

/** This person comes into the conversation, by an append that ends at `at`. */
export const beginning = (before: number, previous: number, at: number): Delivery => ({
  json: '"conversation"',
  place: {
    conversationId: CONVERSATION,
    seqBefore: seq(before),
    position: position(at),
    previousPosition: position(previous),
    begins: true,
  },
})
