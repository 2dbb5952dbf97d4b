import { describe, expect, test } from 'vitest'
import type { Millis } from '../../domain/ids.ts'
import type { CommandHandler } from '../../ledger/handle-command.ts'
import type { Committed } from '../../ledger/mailbox/contract.ts'
import {
  ALICE,
  acknowledge,
  envelope,
  faulty,
  idOf,
  newId,
  node,
  PHONE,
  send,
  start,
  streamOf,
  useLedger,
} from './command-kit.ts'

useLedger()

describe('a command', () => {
  test('is answered only after its facts are durable', async () => {
    const id = newId()
    const heard: Committed[] = []
    const handler = node({ onCommitted: (committed) => heard.push(committed) })
    await start(handler, id)
    expect(await send(handler, id, 'a')).toMatchObject({ kind: 'done', result: { seq: 1 } })
    const other = await streamOf(id)
    expect(other.map(({ type }) => type)).toEqual(['ConversationStarted', 'MessageSent'])
    expect(heard.map(({ events }) => events.map(({ type }) => type))).toEqual([
      ['ConversationStarted'],
      ['MessageSent'],
    ])
  })

  test('that waits with others is appended with them, each in its order', async () => {
    const id = newId()
    const heard: Committed[] = []
    const handler = node({ onCommitted: (committed) => heard.push(committed) })
    await start(handler, id)
    const names = Array.from({ length: 300 }, (_, i) => `batch ${i}`)
    const answers = await Promise.all(names.map((name) => send(handler, id, name)))
    expect(answers.map((answer) => answer.kind === 'done' && answer.result.seq)).toEqual(
      names.map((_, i) => i + 1),
    )
    expect(heard.length).toBeLessThan(10)
  })

  test('is waited for by who waits for those under way, and those that come after are not', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    const most = 1000
    let stopped = false
    let number = 0
    const goOn = async () => {
      while (!stopped && number < most) await send(handler, id, `busy ${number++}`)
    }
    // Two in turns: at no time is nothing under way.
    const [one, other] = [goOn(), goOn()]
    const before = send(handler, id, 'before')
    let answered = false
    before.then(() => {
      answered = true
    })
    await handler.drained()
    expect([answered, number < most]).toEqual([true, true])
    stopped = true
    await Promise.all([one, other])
    await handler.drained()
  })

  test('sent twice at once exists once and both get the same answer', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    const [first, second] = await Promise.all([send(handler, id, 'twin'), send(handler, id, 'twin')])
    expect(second).toEqual(first)
    expect(await streamOf(id)).toHaveLength(2)
  })

  test('sent to two nodes at once exists once and both give the same answer', async () => {
    const id = newId()
    const nodes = [node({ node: 'n1' }), node({ node: 'n2' })] as const
    await start(nodes[0], id)
    const answers = await Promise.all(nodes.map((handler) => send(handler, id, 'everywhere')))
    expect(answers[1]).toEqual(answers[0])
    expect(await streamOf(id)).toHaveLength(2)
  })

  test('of two nodes that write at once is numbered without gap', async () => {
    const id = newId()
    const nodes = [node({ node: 'n1' }), node({ node: 'n2' })] as const
    await start(nodes[0], id)
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => send(nodes[i % 2] as CommandHandler, id, `race ${i}`)),
    )
    const seqs = answers.map((answer) => (answer.kind === 'done' ? answer.result.seq : Number.NaN))
    expect(seqs.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
  })

  test('whose append is cut off after it was written is written once and answered', async () => {
    const id = newId()
    let cuts = 2
    const handler = node({
      ledger: faulty(async (write) => {
        const outcome = await write()
        return cuts-- > 0 ? { kind: 'ambiguous', cause: new Error('cut') } : outcome
      }),
    })
    expect(await start(handler, id)).toMatchObject({ kind: 'done', result: { created: true } })
    expect(await streamOf(id)).toHaveLength(1)
  })

  test('that cannot be written is answered "unavailable", and the next one is written', async () => {
    const id = newId()
    let down = true
    const handler = node({
      ledger: faulty((write) =>
        down ? Promise.resolve({ kind: 'refused', retryable: false, cause: new Error('down') }) : write(),
      ),
    })
    expect(await start(handler, id)).toMatchObject({ kind: 'unavailable' })
    down = false
    expect(await start(handler, id)).toMatchObject({ kind: 'done', result: { created: true } })
  })

  test('that finds too much waiting before it is answered "overloaded" at once, was not written, and may come again', async () => {
    const id = newId()
    let open: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    let slow = false
    const handler = node({
      ledger: faulty(async (write) => {
        if (slow) await gate
        return write()
      }),
    })
    await start(handler, id)
    slow = true
    // About 35 KB each: 16 MiB are some 470 of them.
    const names = Array.from({ length: 600 }, (_, i) => `long ${i}`)
    const sending = names.map((name) => send(handler, id, name, ALICE, name.padEnd(8000, '.')))
    const refused: string[] = []
    const atOnce = sending.map(async (answer, i) => {
      if ((await answer).kind === 'overloaded') refused.push(names[i] as string)
    })
    await Promise.all(atOnce.slice(-50))
    expect(refused.length).toBeGreaterThan(50)
    expect(await streamOf(id)).toHaveLength(1)

    open()
    const kinds = new Set((await Promise.all(sending)).map(({ kind }) => kind))
    expect(kinds).toEqual(new Set(['done', 'overloaded']))
    expect(await streamOf(id)).toHaveLength(1 + names.length - refused.length)
    for (const name of refused) await send(handler, id, name, ALICE, name.padEnd(8000, '.'))
    expect(await streamOf(id)).toHaveLength(1 + names.length)
  })

  test('is refused only after the ledger was asked whether another node knows better', async () => {
    const id = newId()
    const [n1, n2] = [node({ node: 'n1' }), node({ node: 'n2' })]
    expect(await send(n2, id, 'too early')).toMatchObject({ kind: 'rejected', code: 'not_found' })
    await start(n1, id)
    expect(await send(n2, id, 'now')).toMatchObject({ kind: 'done' })
    await send(n1, id, 'more')
    expect(await acknowledge(n2, id, 2, 'delivered')).toMatchObject({ kind: 'done' })
  })

  test('resent a month and a thousand messages later is looked up and gets its first answer', async () => {
    const id = newId()
    const sent: { seq: number; at: number }[] = []
    const handler = node({
      findMessage: async (_id, messageId) =>
        messageId === idOf('old')
          ? { seq: 1 as never, messageId, senderId: ALICE, deviceId: PHONE, at: sent[0]?.at as Millis }
          : null,
    })
    await start(handler, id)
    const old = await send(handler, id, 'old')
    if (old.kind === 'done') sent.push(old.result)
    await Promise.all(Array.from({ length: 1000 }, (_, i) => send(handler, id, `later ${i}`)))
    const again = await handler.converse(id, {
      type: 'send',
      at: Date.now() as Millis,
      by: ALICE,
      messageId: idOf('old'),
      deviceId: PHONE,
      nonce: 'n'.repeat(16),
      clientAt: 1 as Millis,
      body: { kind: 'text', text: 'old' },
      envelope: envelope(idOf('old')),
    })
    expect(again).toEqual(old)
  })
})
