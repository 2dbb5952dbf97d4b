/**
 * Those who come back, in a process of their own: a thousand sockets opened at once keep an event loop for most of a second, and
 * nobody who never left should seem to wait for that.
 */
import type { WebSocket } from 'ws'
import type { ConversationId } from '../../../domain/ids.ts'
import { generate } from '../../crowd/process.ts'
import { type Heard, openSocket, type Person } from '../../crowd/socket.ts'
import { createDurations } from '../../histogram.ts'
import type { Returned, ReturningSettings } from '../settings.ts'

generate(comeBackAtOnce)

async function comeBackAtOnce({ url, groups, missed }: ReturningSettings): Promise<Returned> {
  const counted = { lost: 0, doubled: 0, outOfOrder: 0 }
  const live = createDurations()
  const began = performance.now()
  const returning = groups.flatMap(({ conversationId, away }) =>
    away.map(async (person) => {
      const last = await comeBack(url, person, conversationId, counted)
      live.record(performance.now() - began)
      counted.lost += missed - last
    }),
  )
  await Promise.all(returning)
  return {
    ...counted,
    people: returning.length,
    allLiveMs: performance.now() - began,
    liveMs: live.percentiles(),
  }
}

/** Answers the seq up to which everything came. Acknowledges what comes, as a client does. */
async function comeBack(
  url: string,
  person: Person,
  conversationId: ConversationId,
  counted: { doubled: number; outOfOrder: number },
): Promise<number> {
  let last = 0
  const hear = (frames: readonly Heard[], socket: WebSocket): void => {
    const before = last
    for (const { t, seq = 0 } of frames) {
      if (t !== 'message') continue
      if (seq <= last) counted.doubled++
      else if (seq > last + 1) counted.outOfOrder++
      last = Math.max(last, seq)
    }
    if (last > before) socket.send(`{"t":"delivered","conversationId":"${conversationId}","upTo":${last}}`)
  }
  await openSocket(url, person, hear)
  return last
}
