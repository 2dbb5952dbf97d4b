/** Registering, logging in and out of the built-in accounts. Needs no token: this is where they come from. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { credentials, refresh } from '../../protocol/http.ts'
import type { Accounts } from '../accounts/accounts.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiProblem } from '../problem.ts'
import { limitNetwork } from '../rate-limits/request-limits.ts'

export const authRoutes =
  (deps: ApiDeps): FastifyPluginAsyncZod =>
  async (app) => {
    app.addHook('onRequest', limitNetwork(deps))
    // RFC 6749, 5.1: no cache keeps a token.
    app.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'no-store'))

    const accounts = (): Accounts => {
      if (deps.accounts) return deps.accounts
      throw new ApiProblem('not_found', 'there are no built-in accounts here (TRIPTICK_ACCOUNTS)')
    }

    app.post('/v1/auth/register', { schema: { body: credentials } }, async ({ body, ip }, reply) => {
      const signedIn = await accounts().register(body, ip)
      return reply.code(201).send(signedIn)
    })
    app.post('/v1/auth/login', { schema: { body: credentials } }, async ({ body, ip }) =>
      accounts().login(body, ip),
    )
    app.post('/v1/auth/refresh', { schema: { body: refresh } }, async ({ body }) =>
      accounts().refresh(body.refreshToken),
    )
    app.post('/v1/auth/logout', { schema: { body: refresh } }, async ({ body }, reply) => {
      await accounts().logout(body.refreshToken)
      return reply.code(204).send()
    })
  }
