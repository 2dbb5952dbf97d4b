import { expect, onTestFinished, test, vi } from 'vitest'
import { accountName } from '../../../api/accounts/name.ts'
import { createPasswords } from '../../../api/accounts/passwords.ts'

const passwords = createPasswords()

test('a password is kept as argon2id with the parameters that OWASP names, each with a salt of its own', async () => {
  const kept = await Promise.all([passwords.hashOf('the same one'), passwords.hashOf('the same one')])
  for (const one of kept) expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  expect(kept[0]).not.toBe(kept[1])
})

test('it is right whatever keyboard it was typed on, and wrong otherwise', async () => {
  const kept = await passwords.hashOf('Passwört')
  expect(await passwords.matches(kept, 'Passwo\u0308rt')).toBe(true)
  expect(await passwords.matches(kept, 'passwört')).toBe(false)
  expect(await passwords.matches(kept, '')).toBe(false)
  expect(await passwords.matches(undefined, '')).toBe(false)
  expect(await passwords.matches(undefined, 'Passwört')).toBe(false)
})

test('8 to 256 characters, counted as people count', async () => {
  await expect(passwords.hashOf('sevens7')).rejects.toMatchObject({ code: 'bad_frame' })
  await expect(passwords.hashOf('🦊'.repeat(7))).rejects.toMatchObject({ code: 'bad_frame' })
  await expect(passwords.hashOf('x'.repeat(257))).rejects.toMatchObject({ code: 'too_large' })
  await expect(passwords.matches(undefined, 'x'.repeat(257))).rejects.toMatchObject({ code: 'too_large' })
  const kept = await passwords.hashOf('🦊'.repeat(256))
  expect(await passwords.matches(kept, '🦊'.repeat(256))).toBe(true)
})

test('of a storm some are told to come back, all others are answered, and the event loop stays free', async () => {
  const kept = await passwords.hashOf('in the storm')
  let turns = 0
  const turning = setInterval(() => turns++, 1)
  const answers = await Promise.allSettled(
    Array.from({ length: 1_000 }, () => passwords.matches(kept, 'in the storm')),
  )
  clearInterval(turning)
  const refused = answers.filter((answer) => answer.status === 'rejected')
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'overloaded', retryAfterMs: 3000 })
  expect(refused.length).toBeGreaterThan(0)
  const right = answers.filter((answer) => answer.status === 'fulfilled' && answer.value)
  expect(right.length + refused.length).toBe(1_000)
  expect(turns).toBeGreaterThan(right.length)
  // Nothing is left behind: the next one is not refused.
  expect(await passwords.matches(kept, 'in the storm')).toBe(true)
})

test('what is far too long is refused before its marks are put in order, which would take ten seconds', async () => {
  const normalize = vi.spyOn(String.prototype, 'normalize')
  onTestFinished(() => normalize.mockRestore())
  const marks = `a${'\u0301'.repeat(64_000)}${'\u0323'.repeat(64_000)}`
  await expect(passwords.matches(undefined, marks)).rejects.toMatchObject({ code: 'too_large' })
  await expect(passwords.hashOf(marks)).rejects.toMatchObject({ code: 'too_large' })
  expect(() => accountName(marks)).toThrow(expect.objectContaining({ code: 'too_large' }))
  expect(normalize).not.toHaveBeenCalled()
})
