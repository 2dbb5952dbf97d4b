/** Many people come back at the same moment, each having missed much, while others go on writing. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createHttpClient } from '../../client/http.ts'
import { compose } from '../../client/message-id.ts'
import type { ConversationId, DeviceId, UserId } from '../../domain/ids.ts'
import { forkBenchChild } from '../child-process.ts'
import type { Told } from '../crowd/process.ts'
import { type Heard, inTurns, openSocket, type Person } from '../crowd/socket.ts'
import { createDurations } from '../histogram.ts'
import { startOthers } from './others.ts'
import type { CatchUpRun, CatchUpSettings, Returned, ReturningSettings } from './settings.ts'

const BODY = { kind: 'text' as const, text: 'x'.repeat(100) }
/** Messages of one writer on their way at a time. */
const IN_FLIGHT = 20
/** The others are watched this long before anybody comes back. */
const BEFORE_MS = 5_000

export async function generateCatchUp(settings: CatchUpSettings): Promise<CatchUpRun> {
  const { url, groups, missed, rate } = settings
  const missing = await Promise.all(
    groups.map(async (people) => ({
      conversationId: await writeTo(url, people, missed),
      away: people.slice(1),
    })),
  )
  const returning = forkBenchChild<Told<Returned>>('catch-up/returning/main.js')

  const others = await startOthers(url, settings.others, rate)
  const before = createDurations()
  others.count(before)
  await sleep(BEFORE_MS)
  const meanwhile = createDurations()
  others.count(meanwhile)
  returning.send({ url, groups: missing, missed } satisfies ReturningSettings)
  const told = await returning.next()
  others.stop()
  await returning.stop()
  if (told.kind === 'failed') throw new Error(told.reason)
  return {
    ...told.result,
    othersRefused: others.refused,
    othersMeanwhileMs: meanwhile.percentiles(),
    othersBeforeMs: before.percentiles(),
  }
}

/** The writer of a group says so much that nobody is there to hear. */
async function writeTo(url: string, people: readonly Person[], count: number): Promise<ConversationId> {
  const [writer, ...away] = people
  if (!writer) throw new Error('a group needs a writer')
  const http = createHttpClient({ url, token: writer.token, timeoutMs: 60_000 })
  const { conversationId } = await http.startGroup(away.map(({ userId }) => userId))
  const answers = new Map<unknown, (heard: Heard) => void>()
  const socket = await openSocket(url, writer, (frames) => {
    for (const frame of frames) if (frame.ref !== undefined) answers.get(frame.ref)?.(frame)
  })
  const sender = { userId: writer.userId as UserId, deviceId: 'default' as DeviceId }
  await inTurns(Array.from({ length: count }), IN_FLIGHT, async (_, ref) => {
    const frame = JSON.stringify({ t: 'send', ref, ...compose(sender, conversationId, BODY) })
    while (true) {
      const answered = new Promise<Heard>((resolve) => answers.set(ref, resolve))
      socket.send(frame)
      const { t, code, retryable, retryAfterMs = 1000 } = await answered
      if (t === 'sent') return
      if (!retryable) throw new Error(`the server answered ${code ?? t}`)
      await sleep(retryAfterMs)
    }
  })
  return conversationId
}
