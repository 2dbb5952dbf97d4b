/** The position that `pong` tells: how much a client that goes on with it elsewhere is sent again. */
import pg from 'pg'
import { afterEach, expect, test } from 'vitest'
import { begin, call, join } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'

/** Of a conversation: what is recorded of people and devices is sent to nobody. */
const LAST = `SELECT max(position) AS position FROM ledger.events WHERE stream NOT LIKE 'user-%'`

let system: System
afterEach(() => system.stop())

test('where there is no other node it is some seconds old, and what was sent before it does not come again', async () => {
  system = await startSystem({ workers: false })
  const url = system.urls[0] as string
  const id = await begin(url, 'ann', 'direct', ['ben'])
  const [ann, ben] = [await join(url, 'ann'), await join(url, 'ben')]
  await ann.say(id, 'one')
  ben.send({ t: 'read', conversationId: id, upTo: 1 })
  await ann.get({ t: 'receipt', kind: 'read' })
  const client = new pg.Client({ connectionString: system.database.url })
  await client.connect()
  const { rows } = await client.query(LAST)
  await client.end()

  let pings = 0
  const told = async () => {
    ann.send({ t: 'ping', ref: ++pings })
    return BigInt((await ann.get({ t: 'pong', ref: pings })).position)
  }
  await expect.poll(told, { timeout: 12_000, interval: 500 }).toBe(BigInt(rows[0].position))
  const after = String(await told())
  await ann.close()
  expect(await call(url, 'ann', 'GET', `/v1/sync?after=${after}`)).toMatchObject({
    status: 200,
    body: { frames: [] },
  })
  await ben.close()
})

test('with another node it stays behind: what that one has told may still be on its way', async () => {
  system = await startSystem({ workers: false, apiNodes: 2 })
  const url = system.urls[0] as string
  const ann = await join(url, 'ann')
  const { position: live } = await ann.get({ t: 'live' })
  await begin(url, 'ann', 'direct', ['ben'])
  await new Promise((resolve) => setTimeout(resolve, 8_000))
  ann.send({ t: 'ping', ref: 1 })
  expect((await ann.get({ ref: 1 })).position).toBe(live)
  await ann.close()
})
