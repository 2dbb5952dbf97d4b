/** A message that is sent again through another node, while that node does not know yet that it is recorded. */
import { expect, test } from 'vitest'
import { GENESIS_HASH } from '../../ledger/hash-chain.ts'
import { conversationStream } from '../../ledger/streams.ts'
import { ledger, newId, node, send, start, useLedger } from './command-kit.ts'

useLedger()

test('gets the first answer, and what is said after it stands in the chain', async () => {
  const id = newId()
  const [first, second] = [node({ node: 'n1' }), node({ node: 'n2' })]
  await start(first, id)
  // Both know the conversation as it is now.
  await Promise.all([first.conversation(id, true), second.conversation(id, true)])
  // Written by the first, which then dies before it answers; its client turns to the second.
  const recorded = await send(first, id, 'resent')
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(await send(second, id, 'resent')).toEqual(recorded)
  await send(second, id, 'next')

  let hash = GENESIS_HASH
  for await (const { metadata } of ledger.readStream(conversationStream(id))) {
    expect(metadata.prevHash).toBe(hash)
    hash = metadata.hash ?? ''
  }
})
