/** Which tokens are whose, and which are nobody's: ours, the identity provider's, and what people forge. */
import { createHmac } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { followKeySet, type KeySetTiming } from '../../../api/auth/key-set.ts'
import { signToken } from '../../../api/auth/sign-token.ts'
import { createTokenVerifier, type TokenSettings } from '../../../api/auth/verify-token.ts'
import { createLogger } from '../../../runtime/logging.ts'
import {
  type IdentityProvider,
  makeKey,
  type ProviderKey,
  startIdentityProvider,
} from './identity-provider.ts'

const SECRET = 'the secret that signs tokens of our own'
const OTHER = 'the secret that signed them before that'
const log = createLogger({ level: 'silent', process: 'test' })
const now = () => Math.floor(Date.now() / 1000)
const claims = (more: object = {}) => ({ sub: 'alice', exp: now() + 600, ...more })
const own = (payload: object, secret = SECRET, header: object = {}) =>
  new SignJWT({ ...payload }).setProtectedHeader({ alg: 'HS256', ...header }).sign(Buffer.from(secret))

/** Written by hand, as a forger would: `jose` refuses to. */
function handmade(header: object, payload: object, secret = ''): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode(header)}.${encode(payload)}`
  return `${signed}.${secret && createHmac('sha256', secret).update(signed).digest('base64url')}`
}

let rsa: ProviderKey
let ec: ProviderKey
let ed: ProviderKey
const open: { close(): void }[] = []
const providers: IdentityProvider[] = []

beforeAll(async () => {
  ;[rsa, ec, ed] = await Promise.all([makeKey('rsa', 'RS256'), makeKey('ec'), makeKey('ed', 'EdDSA')])
})
afterEach(async () => {
  for (const keySet of open.splice(0)) keySet.close()
  for (const provider of providers.splice(0)) await provider.stop()
})

const DEFAULTS: TokenSettings = {
  jwtSecret: SECRET,
  jwtSecretPrevious: undefined,
  jwtIssuer: undefined,
  jwtAudience: undefined,
}
const verifier = (settings: Partial<TokenSettings> = {}) =>
  createTokenVerifier({ ...DEFAULTS, ...settings }, undefined)

interface Following {
  readonly settings?: Partial<TokenSettings>
  readonly timing?: Partial<KeySetTiming>
}

function follow({ url }: IdentityProvider, { settings, timing }: Following = {}) {
  const keySet = followKeySet(url, log, {
    refreshMs: 3_600_000,
    cooldownMs: 100,
    retryMs: 0,
    ...timing,
  })
  open.push(keySet)
  return createTokenVerifier({ ...DEFAULTS, ...settings }, keySet)
}

async function withProvider(keys: readonly ProviderKey[], following: Following = {}) {
  const provider = await startIdentityProvider(...keys)
  providers.push(provider)
  return { provider, verify: follow(provider, following) }
}

describe('a token of our own', () => {
  test('is the person that it names, with what it says of them', async () => {
    const token = await own(claims({ name: 'Alice', roles: ['support'] }))
    expect(await verifier()(token)).toMatchObject({ sub: 'alice', name: 'Alice', roles: ['support'] })
    expect(await verifier()(await own(claims()))).toMatchObject({ roles: ['user'] })
  })

  test('is accepted with the secret before the present one while that is set, and no longer', async () => {
    const token = await own(claims(), OTHER)
    expect(await verifier({ jwtSecretPrevious: OTHER })(token)).toMatchObject({ sub: 'alice' })
    expect(await verifier({ jwtSecretPrevious: OTHER })(await own(claims()))).toMatchObject({ sub: 'alice' })
    expect(await verifier()(token)).toBeUndefined()
  })

  test('may come from a clock that is a little ahead', async () => {
    expect(await verifier()(await own(claims({ nbf: now() + 10, iat: now() + 10 })))).toMatchObject({
      sub: 'alice',
    })
  })

  test('that we sign says what we ask for', async () => {
    const settings = { jwtIssuer: 'https://id.example', jwtAudience: 'chat' }
    const token = await signToken({ jwtSecret: SECRET, ...settings }, 'alice', {}, now() + 60)
    expect(await verifier(settings)(token)).toMatchObject({ sub: 'alice' })
  })

  const strict = { jwtIssuer: 'https://id.example', jwtAudience: 'chat' }
  const meant = { iss: 'https://id.example', aud: ['mail', 'chat'] }
  test('is accepted with the issuer and the audience that are set, and with no other', async () => {
    expect(await verifier(strict)(await own(claims(meant)))).toMatchObject({ sub: 'alice' })
    for (const wrong of [
      { iss: 'https://id.evil' },
      { aud: 'mail' },
      { iss: undefined },
      { aud: undefined },
      { aud: [] },
    ]) {
      expect(
        await verifier(strict)(await own(claims({ ...meant, ...wrong }))),
        JSON.stringify(wrong),
      ).toBeUndefined()
    }
  })
})

const forged: readonly (readonly [string, () => Promise<string> | string])[] = [
  ['that is empty', () => ''],
  ['that is garbage', () => 'garbage'],
  ['of three empty parts', () => '..'],
  ['whose header is no JSON', () => 'AAAA.AAAA.AAAA'],
  ['whose header is null', () => `${Buffer.from('null').toString('base64url')}.e30.AAAA`],
  ['signed with another secret', () => own(claims(), OTHER)],
  ['without signature', () => handmade({ alg: 'none' }, claims())],
  ['without signature, said otherwise', () => handmade({ alg: 'NONE' }, claims())],
  ['without algorithm', () => handmade({}, claims(), SECRET)],
  ['whose algorithm is no text', () => handmade({ alg: ['HS256'] }, claims(), SECRET)],
  ['whose signature was cut off', async () => (await own(claims())).replace(/[^.]+$/, '')],
  [
    'whose claims were changed',
    async () =>
      (await own(claims())).replace(
        /\.[^.]+\./,
        `.${Buffer.from(JSON.stringify(claims({ sub: 'bob' }))).toString('base64url')}.`,
      ),
  ],
  [
    'of an algorithm that is not ours',
    () => new SignJWT(claims()).setProtectedHeader({ alg: 'HS512' }).sign(Buffer.from(SECRET.repeat(2))),
  ],
  [
    'signed with the public key of the provider as if it were our secret',
    () => handmade({ alg: 'HS256', kid: 'rsa' }, claims(), rsa.publicPem),
  ],
  ['that names the provider’s key and our algorithm', () => own(claims(), OTHER, { kid: 'rsa' })],
  [
    'that names our key and the provider’s algorithm',
    () => handmade({ alg: 'RS256', kid: 'rsa' }, claims(), SECRET),
  ],
  [
    'signed with a key that it brings with it',
    async () => (await makeKey('mine')).sign(claims(), { jwk: ec.publicJwk }),
  ],
  ['signed with another key of a known id', async () => (await makeKey('ec')).sign(claims())],
  ['with an unknown key id', async () => (await makeKey('unknown')).sign(claims())],
  [
    'with an extension that must be understood',
    () => handmade({ alg: 'HS256', crit: ['x'], x: 1 }, claims(), SECRET),
  ],
  ['that has expired', () => own(claims({ exp: now() - 1 }))],
  ['that expires in this moment', () => own(claims({ exp: now() }))],
  ['without expiry', () => own({ sub: 'alice' })],
  ['whose expiry is a text', () => handmade({ alg: 'HS256' }, claims({ exp: String(now() + 60) }), SECRET)],
  ['whose expiry is past the end of time', () => own(claims({ exp: 1e300 }))],
  ['that begins later', () => own(claims({ nbf: now() + 600 }))],
  ['without a person', () => own({ exp: now() + 60 })],
  ['of an empty person', () => own(claims({ sub: '' }))],
  ['of a person with a blank', () => own(claims({ sub: 'al ice' }))],
  ['of a person with a slash', () => own(claims({ sub: '../alice' }))],
  ['of a person in another script', () => own(claims({ sub: 'алиса' }))],
  ['of a person with 129 characters', () => own(claims({ sub: 'a'.repeat(129) }))],
  ['of a person that is a number', () => handmade({ alg: 'HS256' }, claims({ sub: 7 }), SECRET)],
  ['with an unknown role', () => own(claims({ roles: ['god'] }))],
  ['whose roles are a text', () => own(claims({ roles: 'admin' }))],
  ['that is huge', () => own(claims({ more: 'x'.repeat(100_000) }))],
]
describe.each(forged)('a token %s', (_what, make) => {
  test('is nobody’s', async () => {
    const { verify } = await withProvider([rsa, ec, ed])
    expect(await verify(await own(claims()))).toBeDefined()
    expect(await verify(await make())).toBeUndefined()
  })
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
    const provider = await startIdentityProvider(ec)
    providers.push(provider)
    provider.break('hang-up')
    const verify = follow(provider)
    await expect(verify(await ec.sign(claims()))).rejects.toMatchObject({ code: 'unavailable' })
    provider.break(undefined)
    expect(await verify(await ec.sign(claims()))).toMatchObject({ sub: 'alice' })
  })
})
