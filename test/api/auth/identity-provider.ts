/** An identity provider for tests: key pairs, tokens signed with them, and a key set that is served, changed and cut off. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose'

export interface ProviderKey {
  readonly publicJwk: JWK
  /** The public key as a text that anybody may have. */
  readonly publicPem: string
  sign(payload: object, header?: object): Promise<string>
}

export async function makeKey(kid: string, alg: 'RS256' | 'ES256' | 'EdDSA' = 'ES256'): Promise<ProviderKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  return {
    publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' },
    publicPem: await exportSPKI(publicKey),
    sign: (payload, header = {}) =>
      new SignJWT({ ...payload }).setProtectedHeader({ alg, kid, ...header }).sign(privateKey),
  }
}

export interface IdentityProvider {
  readonly url: string
  /** Times that it was asked for its keys. */
  readonly asked: number
  publish(...keys: readonly ProviderKey[]): void
  /** What it answers instead of its keys; `undefined`: it is well. */
  break(how: 'error' | 'garbage' | 'hang-up' | undefined): void
  stop(): Promise<void>
}

export async function startIdentityProvider(...keys: readonly ProviderKey[]): Promise<IdentityProvider> {
  let published = keys
  let broken: Parameters<IdentityProvider['break']>[0]
  let asked = 0
  const server = createServer((request, response) => {
    asked++
    switch (broken) {
      case 'error':
        // As if it were well: its status alone says that this is no key set.
        response.writeHead(500).end('{"keys":[]}')
        return
      case 'garbage':
        response.end('<html>')
        return
      case 'hang-up':
        request.socket.destroy()
        return
      default:
        response.end(JSON.stringify({ keys: published.map(({ publicJwk }) => publicJwk) }))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    get asked() {
      return asked
    },
    publish: (...next) => {
      published = next
    },
    break: (how) => {
      broken = how
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
