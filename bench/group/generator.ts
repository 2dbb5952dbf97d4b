/** A group in which everybody is online: one writes, the others acknowledge at once. Times each message until all have it and its tick is whole. */
import type { WebSocket } from 'ws'
import { createHttpClient } from '../../client/http.ts'
import { compose } from '../../client/message-id.ts'
import type { DeviceId, UserId } from '../../domain/ids.ts'
import { type Heard, inTurns, openSocket } from '../crowd/socket.ts'
import { createDurations } from '../histogram.ts'
import type { GroupRun, GroupSettings } from './settings.ts'

const CONNECTING_AT_ONCE = 25
/** Uncounted: code is compiled, keys are made. */
const WARM_UP_SENDS = 3
/** A message that has not come full circle by then is lost. */
const LIMIT_MS = 30_000

export async function generateGroup({ url, people, sends, textBytes }: GroupSettings): Promise<GroupRun> {
  const [writer, ...others] = people
  if (!writer) throw new Error('a group needs people')
  const http = createHttpClient({ url, token: writer.token, timeoutMs: 60_000 })
  const { conversationId } = await http.startGroup(
    others.map(({ userId }) => userId),
    'everybody',
  )
  const counted = { lost: 0, doubled: 0, outOfOrder: 0 }
  const durations = { sent: createDurations(), everywhere: createDurations(), readByAll: createDurations() }
  let broken: string | undefined
  let current = newMessage(0)

  function newMessage(seq: number) {
    let done = () => {}
    const whole = new Promise<void>((resolve) => {
      done = resolve
    })
    return {
      seq,
      begun: performance.now(),
      have: 0,
      readers: new Set<string>(),
      sentMs: 0,
      everywhereMs: 0,
      whole,
      done,
    }
  }

  const atWriter = (frames: readonly Heard[]): void => {
    for (const { t, kind, userId, upTo = 0, code } of frames) {
      if (t === 'error') broken = `the server answered ${code}`
      if (t === 'sent') current.sentMs = performance.now() - current.begun
      if (t !== 'receipt' || kind !== 'read' || userId === undefined || upTo < current.seq) continue
      current.readers.add(userId)
      if (current.readers.size === others.length) current.done()
    }
  }

  const atReader = () => {
    let last = 0
    return (frames: readonly Heard[], socket: WebSocket): void => {
      for (const { t, seq = 0 } of frames) {
        if (t !== 'message') continue
        if (seq <= last) counted.doubled++
        else if (seq > last + 1) counted.outOfOrder++
        if (seq <= last) continue
        last = seq
        socket.send(
          `[{"t":"delivered","conversationId":"${conversationId}","upTo":${seq}},{"t":"read","conversationId":"${conversationId}","upTo":${seq}}]`,
        )
        if (seq !== current.seq) continue
        if (++current.have === others.length) current.everywhereMs = performance.now() - current.begun
      }
    }
  }

  const sockets: WebSocket[] = []
  const writing = await openSocket(url, writer, atWriter)
  await inTurns(others, CONNECTING_AT_ONCE, async (person) => {
    sockets.push(await openSocket(url, person, atReader()))
  })

  const body = { kind: 'text' as const, text: 'x'.repeat(textBytes) }
  const sender = { userId: writer.userId as UserId, deviceId: 'default' as DeviceId }
  for (let seq = 1; seq <= WARM_UP_SENDS + sends; seq++) {
    const message = compose(sender, conversationId, body)
    current = newMessage(seq)
    writing.send(JSON.stringify({ t: 'send', ref: seq, ...message }))
    const limit = setTimeout(current.done, LIMIT_MS)
    await current.whole
    clearTimeout(limit)
    if (broken !== undefined) throw new Error(broken)
    counted.lost += others.length - current.readers.size
    if (seq <= WARM_UP_SENDS || current.readers.size < others.length) continue
    durations.sent.record(current.sentMs)
    durations.everywhere.record(current.everywhereMs)
    durations.readByAll.record(performance.now() - current.begun)
  }
  for (const socket of [writing, ...sockets]) socket.terminate()
  return {
    ...counted,
    sentMs: durations.sent.percentiles(),
    everywhereMs: durations.everywhere.percentiles(),
    readByAllMs: durations.readByAll.percentiles(),
  }
}
