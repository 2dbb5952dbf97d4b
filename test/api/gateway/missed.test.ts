import { expect, test } from 'vitest'
import { type Missed, missedUpTo } from '../../../api/gateway/missed.ts'
import type { Position } from '../../../ledger/ledger.ts'

test('what the read models have beyond the head is left to its push, but for what began and for receipts', () => {
  const at = (position: bigint) => ({ position: position as Position })
  const both = [at(10n), at(11n)]
  const changes = Object.fromEntries(
    ['joined', 'members', 'left', 'renamed', 'retained', 'deleted', 'expired'].map((kind) => [kind, both]),
  )
  const missed = { conversations: ['one'], changes, receipts: both } as unknown as Missed
  const upToHead = missedUpTo(missed, 10n as Position)
  expect(upToHead).toEqual({
    conversations: ['one'],
    changes: { ...Object.fromEntries(Object.keys(changes).map((kind) => [kind, [at(10n)]])), joined: both },
    receipts: both,
  })
})
