/**
 * One person of the trace as a client of the protocol: comes and goes, writes, acknowledges what comes at once and reads it a
 * little later. Sends again what was not confirmed, always the same message. Judges nothing; the verdict does.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection, connect } from '../../client/connection.ts'
import { type ComposedMessage, compose } from '../../client/message-id.ts'
import { ClientProblem } from '../../client/problem.ts'
import type { ConversationId, DeviceId, UserId } from '../../domain/ids.ts'
import type { MessageFrame, SentFrame, ServerFrame } from '../../protocol/server-frames.ts'
import { createThread, type Faults, type Thread } from './thread.ts'

export interface Actor {
  readonly userId: UserId
  readonly online: boolean
  readonly threads: ReadonlyMap<ConversationId, Thread>
  /** Resolves when everything that was missed has come. */
  come(): Promise<void>
  /** Finishes what it is about, then leaves. */
  go(): Promise<void>
  /** Messages of one conversation leave one after another. Comes online if need be. Rejects if the server refuses it. */
  write(
    conversation: Promise<ConversationId>,
    text: string,
    onComposed: (message: ComposedMessage) => void,
  ): Promise<SentFrame>
}

export interface ActorOptions {
  readonly userId: string
  readonly url: string
  readonly token: () => Promise<string>
  readonly faults: Faults
  /** How long this person takes to read what has come, in our milliseconds. */
  readonly readingMs: () => number
  /** A message from somebody else, for the first time. */
  readonly onMessage: (frame: MessageFrame) => void
  /** The server refused what it should not, or is gone for good. */
  readonly onBroken: (error: unknown) => void
}

const DEVICE = 'default' as DeviceId
const RETRY_MS = 200
const MAX_TRIES = 50

export function createActor(options: ActorOptions): Actor {
  const { url, faults, readingMs, onMessage, onBroken } = options
  const userId = options.userId as UserId
  const threads = new Map<ConversationId, Thread>()
  const writing = new Map<Promise<ConversationId>, Promise<void>>()
  const reading = new Set<Thread>()
  const acknowledging = new Set<Promise<void>>()
  let connection: Connection | undefined
  let connections = 0
  let wanted = false
  let visits = 0
  /** Comings and goings, one after another. */
  let moves: Promise<void> = Promise.resolve()

  function thread(id: ConversationId): Thread {
    const known = threads.get(id) ?? createThread(id, faults)
    threads.set(id, known)
    return known
  }

  function receive(frame: ServerFrame, number: number): void {
    if (frame.t === 'message' && frame.senderId !== userId) {
      const its = thread(frame.conversationId)
      if (its.message(frame, number)) onMessage(frame)
      acknowledge(its, 'delivered')
      readSoon(its)
    } else if (frame.t === 'receipt' && frame.userId !== userId) thread(frame.conversationId).receipt(frame)
  }

  function readSoon(its: Thread): void {
    if (reading.has(its)) return
    reading.add(its)
    setTimeout(() => {
      reading.delete(its)
      acknowledge(its, 'read')
    }, readingMs())
  }

  const underWay = { delivered: new Set<Thread>(), read: new Set<Thread>() }

  /** One at a time: what comes meanwhile is covered by the next, so a slow server gets fewer and longer ranges. */
  function acknowledge(its: Thread, kind: 'delivered' | 'read'): void {
    const at = connection
    if (!at || underWay[kind].has(its) || its.acknowledged[kind] >= its.received) return
    underWay[kind].add(its)
    const upTo = its.received
    const done = at[kind](its.conversationId, upTo)
      .then(() => {
        its.acknowledged[kind] = Math.max(its.acknowledged[kind], upTo)
      })
      .catch(async (error: unknown) => {
        // Not confirmed: once more, or after the next coming.
        if (!(error instanceof ClientProblem) || !error.retryable) return onBroken(error)
        if (error.code !== 'closed') await sleep(error.retryAfterMs ?? RETRY_MS)
      })
      .then(() => {
        underWay[kind].delete(its)
        acknowledging.delete(done)
        acknowledge(its, kind)
      })
    acknowledging.add(done)
  }

  async function open(): Promise<void> {
    for (let tries = 1; connection === undefined; tries++) {
      const number = ++connections
      try {
        const opened = await connect({
          url,
          token: await options.token(),
          timeoutMs: 20_000,
          onFrame: (frame) => receive(frame, number),
        })
        connection = opened
        opened.closed.then(() => {
          if (connection !== opened) return
          connection = undefined
          // The server ended it (drain, too slow): a client that is still interested comes again.
          if (wanted) beOnline()
        })
        const { position } = await opened.live
        opened.ack(position)
      } catch (error) {
        connection = undefined
        const again = error instanceof ClientProblem && error.retryable && tries < MAX_TRIES
        if (!again) throw error
        await sleep((error.retryAfterMs ?? RETRY_MS) * Math.min(tries, 10))
      }
    }
    for (const its of threads.values()) {
      acknowledge(its, 'delivered')
      if (its.acknowledged.read < its.received) readSoon(its)
    }
  }

  function beOnline(): Promise<void> {
    moves = moves.then(() => (connection ? undefined : open())).catch(onBroken)
    return moves
  }

  function come(): Promise<void> {
    wanted = true
    visits++
    return beOnline()
  }

  /** Waits outside of `moves`, since what it waits for may have to come online once more. Whoever comes again meanwhile stays. */
  async function go(): Promise<void> {
    const visit = visits
    await moves
    await Promise.all(writing.values())
    await Promise.all(acknowledging)
    if (visits !== visit) return
    wanted = false
    moves = moves.then(leave)
    await moves
  }

  async function leave(): Promise<void> {
    const leaving = connection
    connection = undefined
    if (!leaving) return
    try {
      leaving.ack((await leaving.ping()).position)
    } catch {
      // Then the next catching up repeats some receipts.
    }
    await leaving.close()
  }

  async function send(message: ComposedMessage): Promise<SentFrame> {
    for (let tries = 1; ; tries++) {
      if (!connection) await beOnline()
      try {
        if (connection) return await connection.send(message)
      } catch (error) {
        if (!(error instanceof ClientProblem) || !error.retryable || tries === MAX_TRIES) throw error
        await sleep(error.retryAfterMs ?? RETRY_MS)
      }
    }
  }

  function write(
    conversation: Promise<ConversationId>,
    text: string,
    onComposed: (message: ComposedMessage) => void,
  ): Promise<SentFrame> {
    const before = writing.get(conversation) ?? Promise.resolve()
    const written = before.then(async () => {
      const message = compose({ userId, deviceId: DEVICE }, await conversation, { kind: 'text', text })
      onComposed(message)
      return await send(message)
    })
    const settled = written
      .then(
        () => {},
        () => {},
      )
      .then(() => {
        if (writing.get(conversation) === settled) writing.delete(conversation)
      })
    writing.set(conversation, settled)
    return written
  }

  return {
    userId,
    threads,
    get online() {
      return connection !== undefined
    },
    come,
    go,
    write,
  }
}
