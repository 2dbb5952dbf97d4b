/** What people forge is nobody's, also where both our own tokens and a provider's are accepted. */
import { SignJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { makeKey, type ProviderKey } from './identity-provider.ts'
import { claims, handmade, makeKeys, now, OTHER, own, SECRET, withProvider } from './token-kit.ts'

let rsa: ProviderKey
let ec: ProviderKey
let ed: ProviderKey
beforeAll(async () => {
  ;[rsa, ec, ed] = await makeKeys()
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
