/** Tokens of an identity provider: which are accepted while its keys change, and while it does not answer. */
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { makeKey, type ProviderKey } from './identity-provider.ts'
import {
  claims,
  follow,
  handmade,
  makeKeys,
  now,
  own,
  SECRET,
  startProvider,
  verifier,
  withProvider,
} from './token-kit.ts'

let rsa: ProviderKey
let ec: ProviderKey
let ed: ProviderKey
beforeAll(async () => {
  ;[rsa, ec, ed] = await makeKeys()
})

describe('a token of the identity provider', () => {
  test('is accepted in each of its algorithms, and our own beside it', async () => {
    const { verify } = await withProvider([rsa, ec, ed])
    for (const key of [rsa, ec, ed])
      expect(await verify(await key.sign(claims()))).toMatchObject({ sub: 'alice' })
    expect(await verify(await own(claims()))).toMatchObject({ sub: 'alice' })
  })

  test('is nobody’s without a provider', async () => {
    expect(await verifier()(await ec.sign(claims()))).toBeUndefined()
  })

  test('is held to issuer and audience too', async () => {
    const { verify } = await withProvider([ec], {
      settings: { jwtIssuer: 'https://id.example', jwtAudience: 'chat' },
    })
    expect(await verify(await ec.sign(claims({ iss: 'https://id.example', aud: 'chat' })))).toMatchObject({
      sub: 'alice',
    })
    expect(await verify(await ec.sign(claims({ iss: 'https://id.example', aud: 'mail' })))).toBeUndefined()
  })

  test('of a new key is accepted at once', async () => {
    const { provider, verify } = await withProvider([ec], { timing: { cooldownMs: 0 } })
    expect(await verify(await ec.sign(claims()))).toBeDefined()
    const next = await makeKey('next')
    provider.publish(ec, next)
    expect(await verify(await next.sign(claims()))).toMatchObject({ sub: 'alice' })
    expect(await verify(await ec.sign(claims()))).toMatchObject({ sub: 'alice' })
  })

  test('that names no key is accepted whichever of several signed it, and nobody’s if none did', async () => {
    const next = await makeKey('next')
    const { verify } = await withProvider([ec, next])
    for (const key of [ec, next]) {
      expect(await verify(await key.sign(claims(), { kid: undefined }))).toMatchObject({ sub: 'alice' })
      expect(await verify(await key.sign(claims({ exp: now() - 1 }), { kid: undefined }))).toBeUndefined()
    }
    const other = await makeKey('other')
    expect(await verify(await other.sign(claims(), { kid: undefined }))).toBeUndefined()
  })

  test('of a key that was taken away is nobody’s after the next refresh', async () => {
    const { provider, verify } = await withProvider([ec, ed], { timing: { refreshMs: 50 } })
    const token = await ec.sign(claims())
    expect(await verify(token)).toBeDefined()
    provider.publish(ed)
    await expect.poll(() => verify(token)).toBeUndefined()
    expect(await verify(await ed.sign(claims()))).toBeDefined()
  })

  test('with an invented key id causes one look a cooldown, however many come', async () => {
    const { provider, verify } = await withProvider([ec], { timing: { cooldownMs: 500 } })
    expect(await verify(await ec.sign(claims()))).toBeDefined()
    const before = provider.asked
    const invented = Array.from({ length: 20 }, (_, i) =>
      verify(handmade({ alg: 'ES256', kid: `invented-${i}` }, claims(), SECRET)),
    )
    expect(await Promise.all(invented)).toEqual(invented.map(() => undefined))
    expect(provider.asked).toBe(before + 1)
  })

  test('of a new key is accepted also where an invented one was asked for a moment before', async () => {
    const { provider, verify } = await withProvider([ec], { timing: { cooldownMs: 500 } })
    expect(await verify(handmade({ alg: 'ES256', kid: 'invented' }, claims(), SECRET))).toBeUndefined()
    const next = await makeKey('next')
    provider.publish(ec, next)
    expect(await verify(await next.sign(claims()))).toMatchObject({ sub: 'alice' })
  })

  test('is accepted also where its provider shows what is no key beside its own', async () => {
    const odd = { ...ec, publicJwk: null } as unknown as ProviderKey
    const { verify } = await withProvider([odd, ec])
    expect(await verify(await ec.sign(claims()))).toMatchObject({ sub: 'alice' })
  })

  describe.each(['error', 'garbage', 'hang-up'] as const)('while the provider answers with: %s', (how) => {
    test('of a known key goes on working, and one of an unknown key is told to come back', async () => {
      const { provider, verify } = await withProvider([ec], { timing: { refreshMs: 20, cooldownMs: 0 } })
      const token = await ec.sign(claims())
      const next = await makeKey('next')
      expect(await verify(token)).toBeDefined()
      provider.break(how)
      const before = provider.asked
      await expect.poll(() => provider.asked).toBeGreaterThan(before + 2)
      expect(await verify(token)).toMatchObject({ sub: 'alice' })
      await expect(verify(await next.sign(claims()))).rejects.toMatchObject({ code: 'unavailable' })
      // Ours need no provider.
      expect(await verify(await own(claims()))).toBeDefined()
      provider.publish(ec, next)
      provider.break(undefined)
      // It may meet a look that began while the provider was broken.
      const later = await next.sign(claims())
      await expect.poll(() => verify(later).catch(() => undefined)).toMatchObject({ sub: 'alice' })
    })
  })

  describe.each(['error', 'garbage', 'hang-up'] as const)('after an answer like: %s', (how) => {
    test('of an unknown key causes no other look for a while, however many come', async () => {
      const retryMs = 1_000
      const { provider, verify } = await withProvider([ec], { timing: { cooldownMs: 0, retryMs } })
      const next = await makeKey('next')
      expect(await verify(await ec.sign(claims()))).toBeDefined()
      vi.useFakeTimers({ toFake: ['performance'] })
      onTestFinished(() => void vi.useRealTimers())
      provider.break(how)
      const before = provider.asked
      for (let i = 0; i < 20; i++) {
        await expect(verify(await next.sign(claims()))).rejects.toMatchObject({ code: 'unavailable' })
      }
      expect(provider.asked).toBe(before + 1)
      provider.publish(ec, next)
      provider.break(undefined)
      vi.advanceTimersByTime(retryMs)
      expect(await verify(await next.sign(claims()))).toMatchObject({ sub: 'alice' })
    })
  })

  test('is answered `unavailable` as long as no keys were ever seen', async () => {
    const provider = await startProvider(ec)
    provider.break('hang-up')
    const verify = follow(provider)
    await expect(verify(await ec.sign(claims()))).rejects.toMatchObject({ code: 'unavailable' })
    provider.break(undefined)
    expect(await verify(await ec.sign(claims()))).toMatchObject({ sub: 'alice' })
  })
})
