/** Tokens that we sign: whose they are, and with which secrets, clocks and settings. */
import { describe, expect, test } from 'vitest'
import { signToken } from '../../../api/auth/sign-token.ts'
import { claims, now, OTHER, own, SECRET, verifier } from './token-kit.ts'

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
