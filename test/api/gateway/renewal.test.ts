import { expect, test } from 'vitest'
import type { Identity } from '../../../api/auth/identity.ts'
import { createRenew } from '../../../api/gateway/renewal.ts'
import type { Session } from '../../../api/gateway/session.ts'

test('of two renewals under way the one that came later counts, whichever is verified first', async () => {
  let verifyFirst = () => {}
  const slow = new Promise<void>((resolve) => {
    verifyFirst = resolve
  })
  const verify = async (token: string) => {
    if (token === 'first') await slow
    return { sub: 'ann', exp: token === 'first' ? 100 : 200 } as Identity
  }
  const expected: number[] = []
  const renew = createRenew(verify, { expect: (at) => void expected.push(at) })
  const session = { userId: 'ann', expiresAt: 50 } as unknown as Session
  const first = renew(session, 'first')
  expect(await renew(session, 'second')).toMatchObject({ kind: 'renewed' })
  verifyFirst()
  expect(await first).toMatchObject({ kind: 'renewed' })
  expect(session.expiresAt).toBe(200)
  expect(expected).toEqual([200])
})
