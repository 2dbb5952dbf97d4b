/** Temporary conversations: what they promise to the people in them, on both ledgers. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Chat, call, join as connect, createCast, textFrame } from '../support/chat.ts'
import { startSimulator } from '../support/eventstoredb/simulator.ts'
import { type System, startSystem } from '../support/system.ts'

const people = createCast()
/** Due within 5 s, on a machine that does other things too. */
const SOON = { timeout: 20_000 }

async function startTemporary(
  url: string,
  by: string,
  members: readonly string[],
  retention: object,
  kind = 'direct',
): Promise<string> {
  const started = await call(url, by, 'POST', '/v1/conversations', { kind, members, retention })
  expect(started.status).toBe(201)
  expect(started.body.retention).toMatchObject(retention)
  return started.body.conversationId
}

const historyOf = async (url: string, who: string, id: string) =>
  (await call(url, who, 'GET', `/v1/conversations/${id}/messages`)).body.messages

async function ack(chat: Chat, id: string, upTo: number): Promise<void> {
  const ref = `ack ${id} ${upTo}`
  chat.send({ t: 'delivered', conversationId: id, upTo, ref })
  await chat.get({ t: 'receipt', ref })
}

describe.each(['postgres', 'eventstoredb'])('with the ledger in %s', (ledger) => {
  let system: System
  let url: string
  let pool: pg.Pool
  let closeLedger = async (): Promise<unknown> => undefined

  beforeAll(async () => {
    let ledgerUrl: string | undefined
    if (ledger === 'eventstoredb') {
      const simulator = await startSimulator()
      closeLedger = () => simulator.stop()
      ledgerUrl = simulator.url
    }
    system = await startSystem({ ...(ledgerUrl ? { ledgerUrl } : {}) })
    url = system.urls[0] as string
    pool = new pg.Pool({ connectionString: system.database.url, max: 2 })
  })
  afterAll(async () => {
    await pool?.end()
    await system?.stop()
    await closeLedger()
  })

  const kept = async (id: string) =>
    (await pool.query('SELECT seq, gone FROM ledger.temporary_bodies WHERE conversation_id = $1', [id])).rows

  test('a message with a time to live is there until then, and then is said to be gone', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await startTemporary(url, alice, [bob], { mode: 'ttl', seconds: 12 })
    const [a, b] = [await connect(url, alice), await connect(url, bob)]
    const sent = await a.say(id, 'for twelve seconds')
    const got = await b.get({ t: 'message', conversationId: id })
    expect(got).toMatchObject({
      body: { text: 'for twelve seconds' },
      temporary: { mode: 'ttl', expiresAt: sent.at + 12_000 },
    })
    expect(await historyOf(url, alice, id)).toMatchObject([{ seq: 1, body: { text: 'for twelve seconds' } }])
    const later = await connect(url, bob, { device: 'later' })
    expect(await later.get({ t: 'message', conversationId: id })).toMatchObject({
      body: { text: 'for twelve seconds' },
    })
    expect(await b.get({ t: 'deleted', conversationId: id }, 30_000)).toMatchObject({
      seq: 1,
      messageId: sent.messageId,
      reason: 'expired',
    })
    await expect.poll(() => kept(id), SOON).toEqual([])
    const [message] = await historyOf(url, bob, id)
    expect(message).toMatchObject({ seq: 1, gone: 'expired', messageId: sent.messageId })
    expect(message).not.toHaveProperty('body')
    const inbox = await call(url, bob, 'GET', '/v1/inbox')
    expect(inbox.body.conversations[0].lastMessage).toMatchObject({ gone: 'expired' })
    await Promise.all([a, b, later].map((chat) => chat.close()))
  }, 60_000)

  test('a message that waits for delivery is kept until every other member has it, and who left counts no more', async () => {
    const [alice, bob, carl, dora] = people('alice', 'bob', 'carl', 'dora') as [
      string,
      string,
      string,
      string,
    ]
    const id = await startTemporary(url, alice, [bob, carl, dora], { mode: 'until-delivered' }, 'group')
    const [a, b] = [await connect(url, alice), await connect(url, bob)]
    await a.say(id, 'first')
    await a.say(id, 'second')
    await b.get({ t: 'message', conversationId: id, seq: 2 })
    await ack(b, id, 2)
    // Carl was away, and gets it when he comes.
    const c = await connect(url, carl)
    expect(await c.get({ t: 'message', conversationId: id, seq: 2 })).toMatchObject({
      body: { text: 'second' },
      temporary: { mode: 'until-delivered' },
    })
    await ack(c, id, 1)
    expect(await historyOf(url, bob, id)).toMatchObject([
      { body: { text: 'first' } },
      { body: { text: 'second' } },
    ])
    await call(url, alice, 'DELETE', `/v1/conversations/${id}/members/${dora}`)
    await expect.poll(() => kept(id), SOON).toEqual([{ seq: 2, gone: null }])
    expect(await historyOf(url, bob, id)).toMatchObject([{ gone: 'expired' }, { body: { text: 'second' } }])
    await ack(c, id, 2)
    // From here on nobody is given it, whether or not it is destroyed yet.
    await expect
      .poll(async () => (await historyOf(url, alice, id)).map(({ gone }: { gone?: string }) => gone), SOON)
      .toEqual(['expired', 'expired'])
    await expect.poll(() => kept(id), SOON).toEqual([])
    // Who has it keeps it: only a time to live takes it from the screen.
    expect([...a.all({ t: 'deleted' }), ...b.all({ t: 'deleted' })]).toEqual([])
    await Promise.all([a, b, c].map((chat) => chat.close()))
  })

  test('sent again after its body is gone, a message gets its first answer and no body', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await startTemporary(url, alice, [bob], { mode: 'until-delivered' })
    const [a, b] = [await connect(url, alice), await connect(url, bob)]
    const frame = textFrame(a, id, 'once', 'first try')
    a.send(frame)
    const first = await a.get({ t: 'sent', ref: 'first try' })
    await b.get({ t: 'message', conversationId: id })
    await ack(b, id, 1)
    await expect.poll(async () => (await historyOf(url, alice, id))[0].gone, SOON).toBe('expired')
    await expect.poll(() => kept(id), SOON).toEqual([])
    a.send({ ...frame, ref: 'second try' })
    expect(await a.get({ ref: 'second try' })).toEqual({ ...first, ref: 'second try' })
    expect(await kept(id)).toEqual([])
    expect(await historyOf(url, alice, id)).toHaveLength(1)
    await Promise.all([a.close(), b.close()])
  })

  test('a change counts for the messages that come; who was away hears of it and of what expired meanwhile', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const started = await call(url, alice, 'POST', '/v1/conversations', { kind: 'direct', members: [bob] })
    const id = started.body.conversationId
    expect(started.body.retention).toEqual({ mode: 'permanent' })
    const [a, b] = [await connect(url, alice), await connect(url, bob)]
    await a.say(id, 'for ever')
    const change = { retention: { mode: 'ttl', seconds: 6 } }
    expect(await call(url, bob, 'PATCH', `/v1/conversations/${id}`, change)).toMatchObject({
      status: 200,
      body: change,
    })
    expect(await a.get((frame) => frame.t === 'conversation' && 'retention' in frame)).toMatchObject({
      conversationId: id,
      ...change,
    })
    const short = await a.say(id, 'for six seconds')
    await b.get({ t: 'message', conversationId: id, seq: 2 })
    b.send({ t: 'ping' })
    const { position } = await b.get({ t: 'pong' })
    b.send({ t: 'ack', position })
    await ack(b, id, 2)
    await b.close()
    await call(url, alice, 'PATCH', `/v1/conversations/${id}`, { retention: { mode: 'permanent' } })
    await expect.poll(() => kept(id), SOON).toEqual([])
    // The fact follows the body: whoever connects just then may be told of it twice, as missed and as it happens.
    await a.get({ t: 'deleted', seq: 2 })
    const again = await connect(url, bob)
    expect(again.all({ t: 'deleted' })).toMatchObject([
      { seq: 2, messageId: short.messageId, reason: 'expired' },
    ])
    const told = again.all({ t: 'conversation' })
    expect(told).toHaveLength(1)
    expect(told[0]).not.toHaveProperty('retention')
    expect(await historyOf(url, bob, id)).toMatchObject([{ body: { text: 'for ever' } }, { gone: 'expired' }])
    await Promise.all([a.close(), again.close()])
  })

  test('a message that is deleted is gone at once, temporary or not', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await startTemporary(url, alice, [bob], { mode: 'ttl', seconds: 3600 })
    const a = await connect(url, alice)
    const { messageId } = await a.say(id, 'said too much')
    expect(await kept(id)).toEqual([{ seq: 1, gone: null }])
    a.send({ t: 'delete', ref: 'delete', conversationId: id, messageId })
    await a.get({ t: 'deleted', ref: 'delete' })
    await expect.poll(() => kept(id), SOON).toEqual([])
    expect(await historyOf(url, bob, id)).toMatchObject([{ gone: 'deleted' }])
    // Also where both come at once, and the deletion is decided before the message is durable.
    const second = textFrame(a, id, 'and again')
    a.send([second, { t: 'delete', ref: 'both', conversationId: id, messageId: second.messageId }])
    await a.get({ t: 'deleted', ref: 'both' })
    await expect.poll(() => kept(id), SOON).toEqual([])
    await a.close()
  })

  test('times out of bounds, unknown modes and who may not change it are refused', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    const start = (retention: unknown) =>
      call(url, alice, 'POST', '/v1/conversations', { kind: 'group', members: [bob], retention })
    for (const retention of [
      { mode: 'ttl' },
      { mode: 'ttl', seconds: 4 },
      { mode: 'ttl', seconds: 31_536_001 },
      { mode: 'ttl', seconds: 5.5 },
      { mode: 'until-read' },
      'ttl',
      null,
    ]) {
      expect(await start(retention)).toMatchObject({ status: 400, body: { code: 'bad_frame' } })
    }
    const { conversationId } = (await start({ mode: 'until-delivered' })).body
    const patch = (who: string) =>
      call(url, who, 'PATCH', `/v1/conversations/${conversationId}`, { retention: { mode: 'permanent' } })
    expect(await patch(bob)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect(await patch(carl)).toMatchObject({ status: 403, body: { code: 'not_member' } })
    expect(await patch(alice)).toMatchObject({ status: 200, body: { retention: { mode: 'permanent' } } })
  })
})
