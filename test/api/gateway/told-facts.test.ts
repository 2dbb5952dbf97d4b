import { expect, test } from 'vitest'
import { ToldFacts } from '../../../api/gateway/told-facts.ts'
import type { ConversationId } from '../../../domain/ids.ts'
import type { Revision } from '../../../ledger/ledger.ts'

const [one, other] = ['one', 'other'] as unknown as [ConversationId, ConversationId]
const frame = (n: number) => `{"t":"deleted","seq":${n}}`

test('of each conversation the last 200 facts that were told are known, by their revision and by their bytes', () => {
  const told = new ToldFacts()
  for (let n = 1; n <= 201; n++) expect(told.add(one, n as Revision, frame(n))).toBe(true)
  expect(told.add(other, 1 as Revision, frame(1))).toBe(true)
  expect(told.add(one, 201 as Revision, frame(201))).toBe(false)
  expect([1, 2, 201].map((n) => told.has(one, frame(n)))).toEqual([false, true, true])
  expect([1, 2].map((n) => told.has(other, frame(n)))).toEqual([true, false])
})
