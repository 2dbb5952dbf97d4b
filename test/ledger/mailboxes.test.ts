/** Which conversations a process keeps in memory. */
import { expect, test } from 'vitest'
import type { CommandHandler } from '../../ledger/handle-command.ts'
import type { CommandHandlerDeps } from '../../ledger/mailbox/contract.ts'
import { createMailboxes, type Room } from '../../ledger/mailbox/mailboxes.ts'
import { conversationStream } from '../../ledger/streams.ts'
import { acknowledge, depsOf, ledger, newId, send, start, useLedger } from './command-kit.ts'

useLedger()

function withRoomFor(room: Room, overrides: Partial<CommandHandlerDeps> = {}) {
  const { mailbox, mailboxInMemory, outdate } = createMailboxes(depsOf(overrides), room)
  const handler = {
    converse: (id, command) => mailbox(id).conversation.submit(command),
    deliver: (id, command) => mailbox(id).delivery.submit(command),
  } as Pick<CommandHandler, 'converse' | 'deliver'> as CommandHandler
  return { mailbox, mailboxInMemory, outdate, handler }
}

test('ids of no conversation push out no conversation, however many are named', async () => {
  const { handler, mailboxInMemory } = withRoomFor({ known: 2, unknown: 3 })
  const conversations = [newId(), newId()]
  for (const id of conversations) await start(handler, id)
  const before = conversations.map(mailboxInMemory)
  const named = Array.from({ length: 10 }, newId)
  for (const id of named) {
    expect(await acknowledge(handler, id, 1, 'read')).toMatchObject({ kind: 'rejected', code: 'not_found' })
  }
  expect(before).not.toContain(undefined)
  expect(conversations.map(mailboxInMemory)).toEqual(before)
  expect(named.filter(mailboxInMemory)).toEqual(named.slice(-3))
})

test('a conversation of another process is known once it has been read, and the one used longest ago makes room', async () => {
  const elsewhere = withRoomFor({ known: 1, unknown: 1 })
  const { handler, mailboxInMemory } = withRoomFor({ known: 2, unknown: 1 })
  const conversations = [newId(), newId(), newId()]
  for (const id of conversations) await start(elsewhere.handler, id)
  for (const [index, id] of conversations.entries()) {
    expect(await send(handler, id, `to the known ${index}`)).toMatchObject({ kind: 'done' })
  }
  expect(conversations.map((id) => mailboxInMemory(id) !== undefined)).toEqual([false, true, true])
})

test('one that is pushed out at work stays the only one of its conversation until it is done', async () => {
  const busy = newId()
  let open = () => {}
  let gate = Promise.resolve()
  const { handler, mailbox, mailboxInMemory } = withRoomFor(
    { known: 1, unknown: 1 },
    {
      ledger: {
        ...ledger,
        append: async (stream, ...rest) => {
          if (stream === conversationStream(busy)) await gate
          return ledger.append(stream, ...rest)
        },
      },
    },
  )
  await start(handler, busy)
  gate = new Promise((resolve) => {
    open = resolve
  })
  const before = mailbox(busy)
  const sending = send(handler, busy, 'held at the gate')
  const others = [newId(), newId()]
  for (const id of others) await start(handler, id)
  expect(mailbox(busy)).toBe(before)
  open()
  expect(await sending).toMatchObject({ kind: 'done', result: { seq: 1 } })
  expect(mailboxInMemory(busy)).toBe(before)
  await start(handler, newId())
  expect(mailboxInMemory(busy)).toBeUndefined()
})

test('what others appended without a word is known at the next look after it was said that there may be something', async () => {
  const room = { known: 2, unknown: 1 }
  const [here, elsewhere] = [withRoomFor(room), withRoomFor(room)]
  const id = newId()
  await start(here.handler, id)
  await send(elsewhere.handler, id, 'unheard')
  const seen = async () => (await here.mailbox(id).conversation.current(false)).state.lastSeq
  expect(await seen()).toBe(0)
  here.outdate()
  expect(await seen()).toBe(1)
  await send(elsewhere.handler, id, 'unheard again')
  expect(await seen()).toBe(1)
})
