/** The HTTP hook that turns the bearer header into an identity, or into a 401. */
import type { FastifyRequest } from 'fastify'
import { ApiProblem } from '../problem.ts'
import type { Identity } from './identity.ts'
import type { VerifyToken } from './verify-token.ts'

declare module 'fastify' {
  interface FastifyRequest {
    identity: Identity | undefined
  }
}

/** The token of `Authorization: Bearer <token>`, if there is one. */
export function bearerOf(request: FastifyRequest): string | undefined {
  return /^Bearer ([^\s]+)$/i.exec(request.headers.authorization ?? '')?.[1]
}

export const requireBearer = (verify: VerifyToken) => async (request: FastifyRequest) => {
  const token = bearerOf(request)
  if (token === undefined) throw new ApiProblem('unauthorized', 'send `Authorization: Bearer <token>`')
  request.identity = await verify(token)
  if (!request.identity) throw new ApiProblem('unauthorized', 'the token is not valid, or no longer')
}

/** The identity behind `requireBearer`. */
export function identityOf(request: FastifyRequest): Identity {
  if (!request.identity) throw new ApiProblem('unauthorized', 'no identity')
  return request.identity
}
