import { describe, expect, test } from 'vitest'
import { decode } from '../../ledger/codec/decode.ts'
import { GENESIS_HASH, hashOf } from '../../ledger/hash-chain.ts'
import type { Ledger, RecordedEvent } from '../../ledger/ledger.ts'
import { createContentKeys, type KeyOwner } from '../../ledger/sealing/content-keys.ts'
import { unseal } from '../../ledger/sealing/seal.ts'
import { conversationStream, deliveryStream } from '../../ledger/streams.ts'
import {
  ALICE,
  acknowledge,
  BOB,
  idOf,
  ledger,
  MASTER_KEY,
  newId,
  node,
  pool,
  send,
  start,
  streamOf,
  useLedger,
} from './command-kit.ts'

useLedger()

/** Without what the event at a revision says of its place in the chain. */
function forged(event: RecordedEvent, revision: number, field: 'hash' | 'prevHash'): RecordedEvent {
  if (event.revision !== revision) return event
  const { [field]: _left, ...metadata } = event.metadata
  return { ...event, metadata }
}

describe('what is in the ledger', () => {
  test('is a hash chain from the first event on, in each stream', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    await Promise.all([send(handler, id, 'a'), send(handler, id, 'b', BOB)])
    await acknowledge(handler, id, 1, 'read')
    for (const stream of [conversationStream, deliveryStream]) {
      let prevHash = GENESIS_HASH
      for (const event of await streamOf(id, stream)) {
        expect(event.metadata.prevHash).toBe(prevHash)
        expect(hashOf(event)).toBe(event.metadata.hash)
        const { body: _erased, ...data } = event.data as Record<string, unknown>
        expect(hashOf({ ...event, data })).toBe(event.metadata.hash)
        expect(hashOf({ ...event, data: { ...data, forged: true } })).not.toBe(event.metadata.hash)
        prevHash = event.metadata.hash as string
      }
    }
  })

  test('is not gone on with where an event is missing, was put in the place of another, or has lost its hash', async () => {
    const changes: readonly ((events: RecordedEvent[]) => RecordedEvent[])[] = [
      (events) => events.filter(({ revision }) => revision !== 2),
      (events) => events.map((event) => forged(event, 3, 'prevHash')),
      (events) => events.map((event) => forged(event, 3, 'hash')),
    ]
    for (const change of changes) {
      const id = newId()
      const handler = node()
      await start(handler, id)
      for (const name of ['a', 'b', 'c']) await send(handler, id, name)
      const reported: unknown[] = []
      const changed: Ledger = {
        ...ledger,
        async *readStream(stream) {
          yield* change(await streamOf(id, () => stream))
        },
      }
      const other = node({ ledger: changed, report: (error) => reported.push(error) })
      expect(await send(other, id, 'd')).toMatchObject({ kind: 'unavailable' })
      expect(reported).toMatchObject([
        { message: expect.stringContaining(`the chain of conversation-${id} is broken at revision 3`) },
      ])
      expect(await streamOf(id)).toHaveLength(4)
    }
  })

  test('holds no word of a message in the clear, and opens with the key of its sender', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    await send(handler, id, 'secret', ALICE, 'the eagle has landed')
    const { rows } = await pool.query('SELECT data::text || metadata::text AS row FROM ledger.events')
    expect(rows.some(({ row }) => row.includes('eagle'))).toBe(false)
    const event = (await streamOf(id)).map(decode).at(-1)
    if (event?.type !== 'MessageSent') throw new Error('no message')
    const [ofAlice, ofBob] = [ALICE, BOB].map((senderId) => ({ conversationId: id, senderId })) as [
      KeyOwner,
      KeyOwner,
    ]
    const keys = await createContentKeys(pool, MASTER_KEY).find([ofAlice, ofBob])
    expect(keys.of(ofBob)).toBeUndefined()
    const key = keys.of(ofAlice) as Buffer
    const sealed = Buffer.from(event.body.bytes as string, 'base64')
    expect(unseal(key, event.messageId, sealed)).toEqual({
      kind: 'text',
      text: 'the eagle has landed',
    })
    expect(() => unseal(key, idOf('another'), sealed)).toThrow('not what was sealed')
  })
})

describe('snapshots', () => {
  test('are disposable: with them, without them and with damaged versions the same is decided', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    for (let round = 0; round < 6; round++) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => send(handler, id, `${round} ${i}`)))
    }
    const stored = async () =>
      (await pool.query('SELECT revision FROM ledger.snapshots WHERE stream = $1', [conversationStream(id)]))
        .rows
    await expect.poll(async () => (await stored()).length).toBe(1)
    expect((await node().conversation(id)).lastSeq).toBe(600)
    await pool.query('UPDATE ledger.snapshots SET state_version = 999')
    expect((await node().conversation(id)).lastSeq).toBe(600)
    await pool.query('DELETE FROM ledger.snapshots')
    const fresh = node()
    expect(await fresh.conversation(id)).toEqual(await handler.conversation(id))
    expect(await send(fresh, id, 'next')).toMatchObject({ result: { seq: 601 } })
  })

  test.each([
    ['ends before them', 0],
    ['has gone on differently since', 400],
  ])('of a stream that was put back to an earlier state, and %s, are given up', async (_, sentSince) => {
    const id = newId()
    const stream = conversationStream(id)
    const before = node()
    await start(before, id)
    await Promise.all(Array.from({ length: 600 }, (_, i) => send(before, id, `lost ${i}`)))
    const stored = async () =>
      (await pool.query('SELECT revision FROM ledger.snapshots WHERE stream = $1', [stream])).rows[0]
        ?.revision
    await expect.poll(stored).toBeGreaterThan(500)
    // As a backup that is older than the snapshots, which are kept elsewhere.
    await pool.query('DELETE FROM ledger.events WHERE stream = $1 AND revision > 300', [stream])
    await pool.query('UPDATE ledger.snapshots SET stream = $2 WHERE stream = $1', [stream, 'put aside'])
    const after = node()
    await Promise.all(Array.from({ length: sentSince }, (_, i) => send(after, id, `since ${i}`)))
    if (sentSince > 0) await expect.poll(stored).toBeGreaterThan(500)
    await pool.query('DELETE FROM ledger.snapshots WHERE stream = $1', [stream])
    await pool.query('UPDATE ledger.snapshots SET stream = $1 WHERE stream = $2', [stream, 'put aside'])

    const seq = 300 + sentSince
    expect((await node().conversation(id)).lastSeq).toBe(seq)
    expect(await node().conversation(id)).toEqual(await after.conversation(id))
    expect(await send(node(), id, 'next')).toMatchObject({ result: { seq: seq + 1 } })
  })

  test('and what is in memory of a stream that was put back meanwhile do not keep anybody from sending', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    for (const name of ['kept', 'lost', 'lost too']) await send(handler, id, name)
    await pool.query('DELETE FROM ledger.events WHERE stream = $1 AND revision > 1', [conversationStream(id)])
    expect(await send(handler, id, 'next')).toMatchObject({ kind: 'done', result: { seq: 2 } })
  })

  test('are made of a long stream that is only read, so that whoever asks next reads no long tail again', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    await Promise.all(Array.from({ length: 600 }, (_, i) => send(handler, id, `long ${i}`)))
    await pool.query('DELETE FROM ledger.snapshots')
    expect((await node().conversation(id)).lastSeq).toBe(600)
    const stored = async () =>
      (await pool.query('SELECT revision FROM ledger.snapshots WHERE stream = $1', [conversationStream(id)]))
        .rows[0]?.revision
    await expect.poll(stored).toBe(600)
    expect((await node().conversation(id)).lastSeq).toBe(600)
  })
})
