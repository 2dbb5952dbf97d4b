/** What a node is told that another has appended stays known, whatever becomes of its own appends and reads meanwhile. */
import { expect, test } from 'vitest'
import type { ConversationId, Millis, UserId } from '../../domain/ids.ts'
import type { CommandHandler } from '../../ledger/handle-command.ts'
import type { Ledger, RecordedEvent } from '../../ledger/ledger.ts'
import { conversationStream } from '../../ledger/streams.ts'
import { ALICE, envelope, faulty, ledger, newId, node, send, start, useLedger } from './command-kit.ts'

useLedger()

const CAROL = 'carol' as UserId

const add = (handler: CommandHandler, id: ConversationId) =>
  handler.converse(id, {
    type: 'add-members',
    at: Date.now() as Millis,
    by: ALICE,
    userIds: [CAROL],
    envelope: envelope(`add ${id}`),
  })
const knowsCarol = async (handler: CommandHandler, id: ConversationId) =>
  (await handler.conversation(id)).members.has(CAROL)

test('an append that is repeated does not put a state back that has been read meanwhile', async () => {
  const id = newId()
  const other = node({ node: 'n2' })
  await start(other, id, 'group')
  let isCut = true
  const first = node({
    node: 'n1',
    ledger: faulty(async (write) => {
      const outcome = await write()
      if (!isCut) return outcome
      // Written, but nobody is told; and before it is asked for again, the other node goes on, and tells so.
      isCut = false
      await add(other, id)
      await first.refresh(id)
      return { kind: 'ambiguous', cause: new Error('a test') }
    }),
  })
  expect(await send(first, id, 'said')).toMatchObject({ kind: 'done' })
  expect(await knowsCarol(first, id)).toBe(true)
})

test('what a refresh has read is kept where an append that it has read too is answered later', async () => {
  const id = newId()
  const other = node({ node: 'n2' })
  await start(other, id, 'group')
  let isHeld = false
  let hasRead = () => {}
  const read = new Promise<void>((resolve) => {
    hasRead = resolve
  })
  let hasAnswered = () => {}
  const answered = new Promise<void>((resolve) => {
    hasAnswered = resolve
  })
  const readStream: Ledger['readStream'] = async function* (stream, options) {
    const events: RecordedEvent[] = []
    for await (const event of ledger.readStream(stream, options)) events.push(event)
    if (isHeld && stream === conversationStream(id)) {
      hasRead()
      await answered
    }
    yield* events
  }
  let refreshed: Promise<void> | undefined
  const lateAnswer = faulty(async (write) => {
    const outcome = await write()
    if (refreshed) return outcome
    // Written, and before that is known here the other node goes on, tells so, and both are read.
    await add(other, id)
    isHeld = true
    refreshed = first.refresh(id)
    await read
    return outcome
  })
  const first = node({ node: 'n1', ledger: { ...lateAnswer, readStream } })
  expect(await send(first, id, 'said')).toMatchObject({ kind: 'done' })
  hasAnswered()
  await refreshed
  isHeld = false
  expect(await knowsCarol(first, id)).toBe(true)
})

test('a refresh that failed is made up for by the next look', async () => {
  const id = newId()
  let isBroken = false
  const readStream: Ledger['readStream'] = (stream, options) => {
    if (isBroken && stream === conversationStream(id)) throw new Error('no connection is free')
    return ledger.readStream(stream, options)
  }
  const [first, other] = [node({ node: 'n1', ledger: { ...ledger, readStream } }), node({ node: 'n2' })]
  await start(first, id, 'group')
  await add(other, id)
  isBroken = true
  await expect(first.refresh(id)).rejects.toThrow('no connection is free')
  isBroken = false
  expect(await knowsCarol(first, id)).toBe(true)
  expect(await knowsCarol(first, id)).toBe(true)
})
