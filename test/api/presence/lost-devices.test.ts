import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { startLostDevices } from '../../../api/presence/lost-devices.ts'
import type { UserId } from '../../../domain/ids.ts'
import { createReadSchema } from '../../../projections/schema.ts'
import { createTestDatabase, type TestDatabase } from '../../support/postgres.ts'

let database: TestDatabase
let pool: pg.Pool
beforeAll(async () => {
  database = await createTestDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 3 })
  pool.on('error', () => {})
  const client = await pool.connect()
  await createReadSchema(client, 'read', 1)
  client.release()
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

const connected = (userId: string, connection: string, node: string, endedAt: number | null = null) =>
  pool.query(`INSERT INTO read.devices VALUES ($1, 'phone', $2, $3, 1, $4, NULL, 1)`, [
    userId,
    connection,
    node,
    endedAt,
  ])

function look(node: string, peers: readonly string[], lostAfterMs = 50, isRecorded = true) {
  const ended: string[] = []
  const projected: Promise<unknown>[] = []
  const stop = startLostDevices({
    pool,
    node,
    peers: () => peers,
    register: {
      prefix: 'now.',
      record: (userId: UserId, command) => {
        // As the projection would have it, as soon as it is recorded.
        if (isRecorded)
          projected.push(
            pool.query(`UPDATE read.devices SET disconnected_at = 2 WHERE user_id = $1`, [userId]),
          )
        ended.push(`${userId} ${'reason' in command ? command.reason : command.type}`)
      },
    },
    report: (error) => {
      throw error
    },
    everyMs: 20,
    lostAfterMs,
  })
  // Also of a test that failed: what goes on looking would change the rows of the next.
  onTestFinished(async () => {
    await stop()
    await Promise.all(projected)
  })
  return ended
}

test('connections of a node that is gone are ended by another, once', async () => {
  await pool.query('TRUNCATE read.devices')
  await connected('ann', 'then.1', 'dead')
  await connected('bob', 'now.1', 'a')
  await connected('carl', 'other.1', 'b')
  await connected('dora', 'then.2', 'dead', 2)
  // An earlier process of this node, under the same name.
  await connected('emil', 'before.7', 'a')
  const [first, second] = [look('a', ['b']), look('b', ['a'])]
  await vi.waitFor(
    () => {
      expect([...first].sort()).toEqual(['ann node-lost', 'emil node-lost'])
      // Of the live nodes one looks after the dead; `carl` is of an earlier process of b, for all that b knows.
      expect(second).toEqual(['carl node-lost'])
    },
    { timeout: 20_000 },
  )
})

test('a node that was missing for a moment has lost nothing', async () => {
  await pool.query('TRUNCATE read.devices')
  await connected('ann', 'then.1', 'b')
  const peers: string[] = []
  const ended = look('a', peers, 1_000_000)
  await new Promise((resolve) => setTimeout(resolve, 200))
  peers.push('b')
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(ended).toEqual([])
})

test('while their end cannot be recorded, connections are handed over once, not at every look', async () => {
  await pool.query('TRUNCATE read.devices')
  await connected('ann', 'then.1', 'dead')
  const ended = look('a', [], 50, false)
  await vi.waitFor(() => expect(ended).toEqual(['ann node-lost']), { timeout: 20_000 })
  await connected('bob', 'then.2', 'dead')
  await vi.waitFor(() => expect(ended).toContain('bob node-lost'), { timeout: 20_000 })
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(ended).toEqual(['ann node-lost', 'bob node-lost'])
})
