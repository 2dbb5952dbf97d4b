import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sendCommand } from '../../api/messages/commands.ts'
import type { ConversationId, DeviceId, UserId } from '../../domain/ids.ts'
import { createCommandHandler } from '../../ledger/handle-command.ts'
import { createPostgresLedger } from '../../ledger/postgres/ledger.ts'
import { createContentKeys } from '../../ledger/sealing/content-keys.ts'
import { createSnapshots } from '../../ledger/snapshots.ts'
import { createTemporaryBodies } from '../../ledger/temporary-bodies.ts'
import { begin, call, join, textFrame } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'

const MISSED = 20_000
let system: System
beforeAll(async () => {
  system = await startSystem({ workers: false })
})
afterAll(() => system?.stop())

/** As if they had been sent during a month: hundreds in one append. */
async function sayMany(conversationId: string, userId: string, count: number): Promise<void> {
  const pool = new pg.Pool({ connectionString: system.database.url, max: 4 })
  const ledger = createPostgresLedger({ databaseUrl: system.database.url, pool })
  const handler = createCommandHandler({
    ledger,
    snapshots: createSnapshots(pool),
    contentKeys: createContentKeys(pool, Buffer.alloc(32, 9)),
    temporaryBodies: createTemporaryBodies(pool),
    node: 'the month',
    findMessage: () => Promise.reject(new Error('no look-up expected')),
    report: () => {},
  })
  for (let from = 0; from < count; from += 1000) {
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, n) => {
        const frame = textFrame(
          { userId, deviceId: 'month' },
          conversationId,
          `${from + n} ${'x'.repeat(3000)}`,
        )
        const command = sendCommand(frame as never, userId as UserId, 'month' as DeviceId)
        if ('code' in command) throw new Error(command.message)
        return handler.converse(conversationId as ConversationId, command)
      }),
    )
    expect(answers.filter(({ kind }) => kind !== 'done')).toEqual([])
  }
  await ledger.close()
  await pool.end()
}

test(`a device that missed ${MISSED} messages gets them in order at its reader's pace, while others’ frames go on`, async () => {
  const url = system.urls[0] as string
  const long = await begin(url, 'ann', 'direct', ['ben'])
  const quick = await begin(url, 'cleo', 'direct', ['dan'])
  await sayMany(long, 'ann', MISSED)
  // A device that comes waits 15 s for the read models: they may have more to fold than that.
  const newest = async () =>
    (await call(url, 'ben', 'GET', `/v1/conversations/${long}/messages?limit=1`)).body.messages?.[0]?.seq
  await expect.poll(newest, { timeout: 60_000 }).toBe(MISSED)
  const [cleo, dan] = await Promise.all([join(url, 'cleo'), join(url, 'dan')])

  const ben = await join(url, 'ben', { hasty: true })
  await ben.get({ t: 'message', seq: 1 }, 60_000)
  // He stops reading: what he has not taken stays in the read models, and everybody else is served.
  ben.socket.pause()
  for (let n = 1; n <= 20; n++) {
    await cleo.say(quick, `${n}`)
    await dan.get({ t: 'message', conversationId: quick, seq: n }, 20_000)
  }
  const before = process.memoryUsage().rss
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  expect(ben.all({ t: 'live' })).toEqual([])
  // 60 MB of messages are waiting, and not in the memory of this process.
  expect(process.memoryUsage().rss - before).toBeLessThan(40_000_000)
  const had = ben.all({ t: 'message' }).length
  expect(had).toBeLessThan(MISSED / 2)

  ben.socket.resume()
  await ben.get({ t: 'live' }, 100_000)
  expect(ben.all({ t: 'message' }).map(({ seq }) => seq)).toEqual(
    Array.from({ length: MISSED }, (_, n) => n + 1),
  )
  await Promise.all([cleo, dan, ben].map((chat) => chat.close()))
}, 240_000)
