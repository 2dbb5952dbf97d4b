/** People who go on writing while others come back: open loop, so that a server that stalls is charged for what it kept waiting. */
import type { WebSocket } from 'ws'
import { createHttpClient } from '../../client/http.ts'
import { compose } from '../../client/message-id.ts'
import type { ConversationId, DeviceId, UserId } from '../../domain/ids.ts'
import { type Heard, openSocket, type Person } from '../crowd/socket.ts'
import { createDurations, type Durations } from '../histogram.ts'

export interface Others {
  /** What is sent from now on is counted here. */
  count(durations: Durations): void
  /** Sends that were answered with an error. */
  readonly refused: number
  stop(): void
}

const TICK_MS = 2
const BODY = { kind: 'text' as const, text: 'x'.repeat(100) }

interface Writer {
  readonly socket: WebSocket
  readonly userId: UserId
  readonly conversationId: ConversationId
}

/** As a client does: who is there and never says what has arrived is tried again and again, with a job for each message. */
function acknowledge(frames: readonly Heard[], socket: WebSocket): void {
  const last = frames.findLast(({ t }) => t === 'message')
  if (last) socket.send(`{"t":"delivered","conversationId":"${last.conversationId}","upTo":${last.seq}}`)
}

export async function startOthers(
  url: string,
  pairs: readonly (readonly [Person, Person])[],
  rate: number,
): Promise<Others> {
  let durations = createDurations()
  let sent = 0
  let refused = 0
  const due = new Map<unknown, { readonly at: number; readonly durations: Durations }>()

  const heard = (frames: readonly Heard[]): void => {
    for (const { t, ref } of frames) {
      const asked = due.get(ref)
      if (!asked) continue
      due.delete(ref)
      if (t === 'sent') asked.durations.record(performance.now() - asked.at)
      else refused++
    }
  }
  const writers: Writer[] = await Promise.all(
    pairs.map(async ([writer, reader]) => {
      const { conversationId } = await createHttpClient({ url, token: writer.token }).startDirect(
        reader.userId,
      )
      await openSocket(url, reader, acknowledge)
      return { socket: await openSocket(url, writer, heard), userId: writer.userId as UserId, conversationId }
    }),
  )
  const began = performance.now()
  const timer = setInterval(() => {
    for (; began + (sent * 1000) / rate <= performance.now(); sent++) {
      const { socket, userId, conversationId } = writers[sent % writers.length] as Writer
      due.set(sent, { at: began + (sent * 1000) / rate, durations })
      const message = compose({ userId, deviceId: 'default' as DeviceId }, conversationId, BODY)
      socket.send(JSON.stringify({ t: 'send', ref: sent, ...message }))
    }
  }, TICK_MS)
  return {
    count: (into) => {
      durations = into
    },
    get refused() {
      return refused
    },
    stop: () => clearInterval(timer),
  }
}
