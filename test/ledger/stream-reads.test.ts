/** What ids cost that nobody has named before, and how much of it may wait. */
import { expect, test } from 'vitest'
import type { ConversationId } from '../../domain/ids.ts'
import type { CommandHandler } from '../../ledger/handle-command.ts'
import type { CommandHandlerDeps } from '../../ledger/mailbox/contract.ts'
import { createMailboxes } from '../../ledger/mailbox/mailboxes.ts'
import { createStreamReads, TooManyReads } from '../../ledger/mailbox/stream-reads.ts'
import { conversationStream, deliveryStream } from '../../ledger/streams.ts'
import { acknowledge, depsOf, ledger, newId, node, send, start, useLedger } from './command-kit.ts'

useLedger()

/** Counts the statements of loading and refreshing, and can keep them waiting. */
function watched() {
  const { snapshots } = depsOf()
  const asked: string[] = []
  const watch = { gate: undefined as Promise<void> | undefined, underWay: 0, mostUnderWay: 0 }
  async function statement(what: string, stream: string): Promise<void> {
    asked.push(`${what} ${stream}`)
    watch.mostUnderWay = Math.max(watch.mostUnderWay, ++watch.underWay)
    await watch.gate
    watch.underWay--
  }
  const overrides: Partial<CommandHandlerDeps> = {
    ledger: {
      ...ledger,
      async *readStream(stream, options) {
        await statement('events', stream)
        yield* ledger.readStream(stream, options)
      },
    },
    snapshots: {
      ...snapshots,
      load: async (stream, version) => {
        await statement('snapshot', stream)
        return snapshots.load(stream, version)
      },
    },
  }
  const close = () => {
    let open = () => {}
    watch.gate = new Promise((resolve) => {
      open = resolve
    })
    return () => {
      watch.gate = undefined
      open()
    }
  }
  return { asked: () => asked.splice(0), watch, overrides, close }
}

function mailboxesOf(overrides: Partial<CommandHandlerDeps>, atOnce: number, mostWaiting: number) {
  const reads = createStreamReads(atOnce, mostWaiting)
  const mailboxes = createMailboxes(depsOf(overrides), { known: 10, unknown: 1 }, reads)
  const handler = {
    converse: (id, command) => mailboxes.mailbox(id).conversation.submit(command),
    deliver: (id, command) => mailboxes.mailbox(id).delivery.submit(command),
  } as Pick<CommandHandler, 'converse' | 'deliver'> as CommandHandler
  return { ...mailboxes, handler }
}

const NOT_FOUND = { kind: 'rejected', code: 'not_found' }
const loadOf = (stream: string) => [`snapshot ${stream}`, `events ${stream}`]

test('an id of no conversation costs one load, whatever is done with it, and named again one look', async () => {
  const { overrides, asked } = watched()
  const handler = node(overrides)
  const [sentTo, acknowledged] = [newId(), newId()]
  expect(await send(handler, sentTo, 'to nobody')).toMatchObject(NOT_FOUND)
  expect(asked()).toEqual(loadOf(conversationStream(sentTo)))
  expect(await acknowledge(handler, acknowledged, 1, 'delivered')).toMatchObject(NOT_FOUND)
  expect(asked()).toEqual(loadOf(conversationStream(acknowledged)))
  expect(await acknowledge(handler, acknowledged, 1, 'read')).toMatchObject(NOT_FOUND)
  expect(asked()).toEqual([`events ${conversationStream(acknowledged)}`])
})

test('a conversation is loaded once, and a wrong receipt that loads it is refused without another look', async () => {
  const { overrides, asked } = watched()
  const id = newId()
  await start(node(), id)
  const handler = node(overrides)
  expect(await acknowledge(handler, id, 1, 'read')).toMatchObject({ kind: 'rejected', code: 'conflict' })
  expect(asked()).toEqual([...loadOf(conversationStream(id)), ...loadOf(deliveryStream(id))])
  expect(await send(handler, id, 'one')).toMatchObject({ kind: 'done' })
  expect(await acknowledge(handler, id, 1, 'read')).toMatchObject({ kind: 'done' })
  expect(asked()).toEqual([])
})

test('what began to be loaded before a command came is looked at again before the command is refused', async () => {
  let open = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  let read = 0
  const late = node({
    ledger: {
      ...ledger,
      async *readStream(stream, options) {
        const events = []
        for await (const event of ledger.readStream(stream, options)) events.push(event)
        read++
        await gate
        yield* events
      },
    },
  })
  const [sentTo, acknowledged] = [newId(), newId()]
  const looks = [sentTo, acknowledged].map((id) => late.conversation(id))
  await expect.poll(() => read).toBe(2)
  const elsewhere = node()
  for (const id of [sentTo, acknowledged]) {
    await start(elsewhere, id)
    await send(elsewhere, id, 'meanwhile')
  }
  const sending = send(late, sentTo, 'after')
  const acknowledging = acknowledge(late, acknowledged, 1, 'read')
  open()
  expect(await Promise.all(looks)).toMatchObject([{}, {}])
  expect(await sending).toMatchObject({ kind: 'done', result: { seq: 2 } })
  expect(await acknowledging).toMatchObject({ kind: 'done' })
})

test('of ids that are named at once a few are read at once, and beyond those that may wait each is answered "overloaded"', async () => {
  const { overrides, asked, watch, close } = watched()
  const { handler, mailbox, mailboxInMemory } = mailboxesOf(overrides, 2, 3)
  const known = newId()
  await start(handler, known)
  const open = close()
  const named: ConversationId[] = Array.from({ length: 20 }, newId)
  const answers = named.map((id) => acknowledge(handler, id, 1, 'delivered'))
  const refused = await Promise.all(answers.slice(5))
  expect(new Set(refused.map(({ kind }) => kind))).toEqual(new Set(['overloaded']))
  await expect(mailbox(newId()).conversation.current(false)).rejects.toThrow(TooManyReads)
  // Those that wait, and the one there is room for: nothing is kept of the others.
  expect(named.filter(mailboxInMemory)).toEqual(named.slice(0, 5))
  // What is in memory does not wait behind them.
  expect(await send(handler, known, 'not behind them')).toMatchObject({ kind: 'done' })

  open()
  expect((await Promise.all(answers.slice(0, 5))).map(({ kind }) => kind)).toEqual(Array(5).fill('rejected'))
  expect(watch.mostUnderWay).toBe(2)
  expect(named.filter(mailboxInMemory).length).toBeLessThanOrEqual(1)
  asked()
  expect(await acknowledge(handler, named[19] as ConversationId, 1, 'delivered')).toMatchObject(NOT_FOUND)
  expect(asked()).toEqual(loadOf(conversationStream(named[19] as ConversationId)))
})

test('who has to look once more waits in the same line, and is not sent away', async () => {
  const { overrides, watch, close } = watched()
  const { handler } = mailboxesOf(overrides, 1, 1)
  const known = newId()
  await start(handler, known)
  const open = close()
  const loading = [newId(), newId()].map((id) => acknowledge(handler, id, 1, 'delivered'))
  const wrong = handler.converse(known, {
    ...{ type: 'delete', at: Date.now() as never, by: 'nobody' as never, deviceId: 'phone' as never },
    ...{ messageId: '0'.repeat(64) as never },
    envelope: { commandId: 'wrong', actorId: 'nobody' as never, actorKind: 'user' },
  })
  open()
  expect(await wrong).toMatchObject({ kind: 'rejected' })
  expect(await Promise.all(loading)).toMatchObject([NOT_FOUND, NOT_FOUND])
  expect(watch.mostUnderWay).toBe(1)
})

test('a read that fails gives its place to the next', async () => {
  const reads = createStreamReads(1, 2)
  const failing = reads.load(() => Promise.reject(new Error('away')))
  const next = reads.load(async () => 'read')
  await expect(failing).rejects.toThrow('away')
  expect(await next).toBe('read')
  expect(await reads.refresh(async () => 'and on')).toBe('and on')
})
