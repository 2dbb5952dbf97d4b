/** When it is looked who may be told that somebody types. */
import { expect, test } from 'vitest'
import { createTyping } from '../../../api/presence/typing.ts'
import type { ConversationId, UserId } from '../../../domain/ids.ts'
import type { CommandHandler } from '../../../ledger/handle-command.ts'

test('while typing is dropped no conversation is read for it', async () => {
  const read: ConversationId[] = []
  let allowed = false
  const conversation = async (id: ConversationId) => {
    read.push(id)
    return { kind: undefined, members: new Map() }
  }
  const { typed } = createTyping({
    handler: { conversation } as unknown as Pick<CommandHandler, 'conversation'>,
    tell: () => {},
    allows: () => allowed,
  })
  const [ann, id] = ['ann' as UserId, 'of nobody' as ConversationId]
  expect(await typed(ann, id)).toBeUndefined()
  expect(read).toEqual([])
  allowed = true
  expect(await typed(ann, id)).toBe('not_found')
  expect(read).toEqual([id])
})
