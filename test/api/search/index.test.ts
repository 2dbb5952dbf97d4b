import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { emptyIndex } from '../../../projections/search/write-index.ts'
import { call } from '../../support/chat.ts'
import { startSystem } from '../../support/system.ts'
import { createSearchScene } from './kit.ts'

const { found, query, system, talk, url } = createSearchScene()

describe('the index', () => {
  const entries = async () => {
    const { rows } = await query(
      'SELECT conversation_id, seq, position, lexemes::text FROM search.messages ORDER BY position',
      [],
    )
    return rows
  }

  test('goes on where it was after the projections were down, and made anew it is the same', async () => {
    const { ann, bob, conversationId } = await talk('before the pause')
    expect(await found(bob, 'pause')).toHaveLength(1)
    await system().stopProjections()
    await ann.say(conversationId, 'in the pause')
    const { messageId } = await ann.say(conversationId, 'the pause that never was')
    ann.send({ t: 'delete', ref: 1, conversationId, messageId })
    await ann.get({ t: 'deleted', messageId })
    await system().startProjections()
    // Until then the read models are behind, and the server says so.
    const answered = async () => (await call(url(), bob, 'GET', '/v1/search?q=pause')).status
    await expect.poll(answered, { timeout: 20_000 }).toBe(200)
    expect((await found(bob, 'pause ')).sort()).toEqual(['before the pause', 'in the pause'])
    const { rows } = await query(
      'SELECT max(position)::text AS last FROM ledger.events WHERE stream LIKE $1',
      ['conversation-%'],
    )
    const indexed = async () =>
      (await query('SELECT position::text FROM search.progress', [])).rows[0]?.position
    await expect.poll(indexed, { timeout: 20_000 }).toBe(rows[0]?.last)

    const before = await entries()
    const client = new pg.Client({ connectionString: system().database.url })
    await client.connect()
    await emptyIndex(client)
    await client.end()
    await expect.poll(indexed, { timeout: 20_000 }).toBe(rows[0]?.last)
    expect(await entries()).toEqual(before)
    expect(before.length).toBeGreaterThan(0)
  })

  test('read models that had come further when somebody last looked are waited for again', async () => {
    const { bob } = await talk('before they were put back')
    expect(await found(bob, 'back')).toHaveLength(1)
    await system().stopProjections()
    const move = (by: number) => query('UPDATE read.checkpoints SET position = position + $1', [by])
    try {
      await move(-1)
      const asked = call(url(), bob, 'GET', '/v1/search?q=back')
      expect(await Promise.race([asked, sleep(500)])).toBeUndefined()
      await move(1)
      expect((await asked).status).toBe(200)
    } finally {
      await system().startProjections()
    }
  })

  test('is not there where search is switched off, and both routes say so', async () => {
    const off = await startSystem({ settings: { TRIPTICK_SEARCH: 'off' }, workers: false })
    const [address] = off.urls as [string]
    try {
      for (const route of ['/v1/search?q=a', '/v1/mentions']) {
        expect(await call(address, 'ann', 'GET', route)).toMatchObject({
          status: 404,
          body: { code: 'not_found' },
        })
      }
    } finally {
      await off.stop()
    }
  })
})
