/** Holds idle sockets: the other end of `idle`, in a process of its own, whose memory does not count. */
import type { WebSocket } from 'ws'
import { createHttpClient } from '../../client/http.ts'
import { compose } from '../../client/message-id.ts'
import type { DeviceId, UserId } from '../../domain/ids.ts'
import { type Heard, inTurns, openSocket, type Person } from '../crowd/socket.ts'
import { createDurations } from '../histogram.ts'
import type { IdleLatency, IdleMessage, IdleOrder } from './settings.ts'

const CONNECTING_AT_ONCE = 50
/** A message that has not arrived by then is lost. */
const LIMIT_MS = 10_000
const BODY = { kind: 'text' as const, text: 'x'.repeat(100) }

const idle: Person[] = []
/** The message that is under way, and who waits for it. */
let awaited: { readonly messageId: string; readonly arrived: () => void; times: number } | undefined

function hear(frames: readonly Heard[], socket: WebSocket): void {
  for (const { t, messageId, conversationId, seq } of frames) {
    if (t !== 'message') continue
    // As a client does; nobody is looked for who has it.
    socket.send(`{"t":"delivered","conversationId":"${conversationId}","upTo":${seq}}`)
    if (awaited?.messageId !== messageId) continue
    if (awaited && ++awaited.times === 1) awaited.arrived()
  }
}

async function open({ url, people, localAddress }: Extract<IdleOrder, { kind: 'open' }>): Promise<void> {
  await inTurns(people, CONNECTING_AT_ONCE, (person) => openSocket(url, person, hear, localAddress))
  idle.push(...people)
}

async function write({ url, writer, tries }: Extract<IdleOrder, { kind: 'write' }>): Promise<IdleLatency> {
  const http = createHttpClient({ url, token: writer.token, timeoutMs: 60_000 })
  const sender = { userId: writer.userId as UserId, deviceId: 'default' as DeviceId }
  const socket = await openSocket(url, writer, () => {})
  const arrived = createDurations()
  const counted = { lost: 0, doubled: 0 }
  for (let n = 0; n < tries; n++) {
    const { userId } = idle[Math.floor((n * idle.length) / tries)] as Person
    const { conversationId } = await http.startDirect(userId)
    const message = compose(sender, conversationId, BODY)
    const heard = new Promise<boolean>((resolve) => {
      const limit = setTimeout(() => resolve(false), LIMIT_MS)
      const done = () => {
        clearTimeout(limit)
        resolve(true)
      }
      awaited = { messageId: message.messageId, arrived: done, times: 0 }
    })
    const began = performance.now()
    socket.send(JSON.stringify({ t: 'send', ref: n, ...message }))
    if (await heard) arrived.record(performance.now() - began)
    else counted.lost++
    if ((awaited?.times ?? 0) > 1) counted.doubled++
  }
  return { arrivedMs: arrived.percentiles(), ...counted }
}

async function carryOut(order: IdleOrder): Promise<IdleMessage> {
  if (order.kind === 'write') return { kind: 'written', run: await write(order) }
  await open(order)
  return { kind: 'open' }
}

process.on('disconnect', () => process.exit())
process.on('message', (order: IdleOrder) => {
  carryOut(order).then(
    (message) => process.send?.(message),
    (error: unknown) => process.send?.({ kind: 'failed', reason: String(error) } satisfies IdleMessage),
  )
})
