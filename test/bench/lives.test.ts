/** The generator against the relay: real sockets, no system. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { generateLives } from '../../bench/lives/generator.ts'
import type { LivesMessage, LivesRun, LivesSettings } from '../../bench/lives/settings.ts'
import { type Relay, startRelay } from '../../bench/relay/relay.ts'
import { unsignedToken } from '../../bench/relay/unsigned-token.ts'

let relay: Relay
beforeEach(async () => {
  relay = await startRelay()
})
afterEach(() => relay.close())

async function generate(load: LivesSettings['load'], more: Partial<LivesSettings> = {}): Promise<LivesRun[]> {
  const ids = Array.from({ length: 10 }, (_, index) => `p${index}`)
  const messages: LivesMessage[] = []
  await generateLives(
    {
      url: relay.url,
      people: ids.map((userId) => ({ userId, token: unsignedToken(userId) })),
      textBytes: 100,
      load,
      acks: 'each',
      warmUpSeconds: 0,
      runs: 2,
      secondsPerRun: 0.3,
      ...more,
    },
    (message) => messages.push(message),
  )
  expect(messages.at(-1)).toEqual({ kind: 'done' })
  return messages.flatMap((message) => (message.kind === 'run' ? [message.run] : []))
}

test('in closed loop every message that is sent is read before a run is judged', async () => {
  for (const { verdict, latencyMs } of await generate({ inFlight: 4 }, { secondsPerRun: 2 })) {
    expect(verdict.sent).toBeGreaterThan(20)
    const { sent } = verdict
    expect(verdict).toEqual({
      sent,
      delivered: sent,
      read: sent,
      lost: 0,
      doubled: 0,
      outOfOrder: 0,
      errors: {},
      refused: 0,
    })
    expect(latencyMs.read.count).toBe(sent)
  }
})

test('in open loop as many messages are sent as the rate says, and the generator tells how late it was', async () => {
  for (const { verdict, generatorLagMs } of await generate({ rate: 200 }, { acks: 'range' })) {
    expect(verdict).toMatchObject({ sent: 60, read: 60, lost: 0, doubled: 0, outOfOrder: 0 })
    expect(generatorLagMs?.count).toBe(60)
  }
})
