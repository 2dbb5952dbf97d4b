/** Tokens of an identity provider that name no key: also of one that it has shown only since we last looked. */
import { afterEach, expect, test } from 'vitest'
import { followKeySet } from '../../../api/auth/key-set.ts'
import { createTokenVerifier } from '../../../api/auth/verify-token.ts'
import { createLogger } from '../../../runtime/logging.ts'
import { makeKey, type ProviderKey, startIdentityProvider } from './identity-provider.ts'

const open: (() => unknown)[] = []
afterEach(() => Promise.all(open.splice(0).map((close) => close())))

async function given(...keys: ProviderKey[]) {
  const provider = await startIdentityProvider(...keys)
  const log = createLogger({ level: 'silent', process: 'test' })
  const keySet = followKeySet(provider.url, log, { refreshMs: 3_600_000, cooldownMs: 300, retryMs: 0 })
  open.push(keySet.close, provider.stop)
  const settings = { jwtSecretPrevious: undefined, jwtIssuer: undefined, jwtAudience: undefined }
  const verify = createTokenVerifier({ jwtSecret: 'a secret of our own', ...settings }, keySet)
  return { provider, verify }
}
const namesNone = { kid: undefined }
const claims = () => ({ sub: 'alice', exp: Math.floor(Date.now() / 1000) + 600 })

test.each([1, 2])('of a new key, where %i were known, is accepted at once', async (known) => {
  const [one, two, next] = await Promise.all([makeKey('one'), makeKey('two'), makeKey('next')])
  const { provider, verify } = await given(...[one, two].slice(0, known))
  expect(await verify(await one.sign(claims(), namesNone))).toMatchObject({ sub: 'alice' })
  provider.publish(next)
  expect(await verify(await next.sign(claims(), namesNone))).toMatchObject({ sub: 'alice' })
})

test('of nobody’s keys cause one look a cooldown, however many come', async () => {
  const [one, other] = await Promise.all([makeKey('one'), makeKey('other')])
  const { provider, verify } = await given(one)
  expect(await verify(await one.sign(claims()))).toBeDefined()
  const before = provider.asked
  const forged = await Promise.all(Array.from({ length: 20 }, () => other.sign(claims(), namesNone)))
  expect(await Promise.all(forged.map(verify))).toEqual(forged.map(() => undefined))
  expect(provider.asked).toBe(before + 1)
  provider.break('error')
  await expect(verify(forged[0] as string)).rejects.toMatchObject({ code: 'unavailable' })
})
