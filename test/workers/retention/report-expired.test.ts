import { expect, test } from 'vitest'
import type { UnsealedEvent } from '../../../domain/events.ts'
import type { ConversationId, Millis, UserId } from '../../../domain/ids.ts'
import type { Committed } from '../../../ledger/mailbox/contract.ts'
import type { Expired } from '../../../runtime/bus/messages.ts'
import { reportExpired } from '../../../workers/retention/report-expired.ts'

/** As Postgres has it. */
const SMALLEST_BUS = 5_969

function told(count: number): { parts: Expired[]; report: Promise<void> } {
  const payloads: string[] = []
  const bus = {
    maxPayload: SMALLEST_BUS,
    publish: (_channel: string, payload: string) => {
      if (Buffer.byteLength(payload) > SMALLEST_BUS) throw new RangeError('too long')
      payloads.push(payload)
    },
  }
  const directory = { nodesOf: async (userIds: readonly UserId[]) => new Map([['n1', [...userIds]]]) }
  const events = Array.from({ length: count }, (_, index) => ({
    type: 'MessageExpired',
    seq: 1_000_000 + index,
    messageId: 'f'.repeat(64),
    reason: 'ttl',
    at: 1_790_000_000_000 as Millis,
  })) as unknown as UnsealedEvent[]
  const members = new Map([['ann' as UserId, {}]])
  const committed = {
    conversationId: '019a0000-0000-7000-8000-000000000000' as ConversationId,
    events,
    revision: 5_000_000,
    before: { lastSeq: 2_000_000 },
    after: { members },
    previousPosition: 12_345_678_901n,
  } as unknown as Committed
  const parts: Expired[] = []
  const report = reportExpired({ bus, directory }, committed).then(() => {
    parts.push(...payloads.map((payload) => JSON.parse(payload) as Expired))
  })
  return { parts, report }
}

test('of however many messages that are due at once every one is told, in messages for which each bus has room', async () => {
  for (const count of [1, 47, 50, 200]) {
    const { parts, report } = told(count)
    await report
    expect(parts.flatMap(({ messages }) => messages.map(({ seq }) => seq))).toEqual(
      Array.from({ length: count }, (_, index) => 1_000_000 + index),
    )
    expect(parts.at(-1)?.messages.at(-1)?.revision).toBe(5_000_000)
  }
})
