/** Tickets for browsers, which cannot send a bearer header with a WebSocket. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { identityOf } from '../auth/bearer.ts'
import { TICKET_SECONDS } from '../auth/tickets.ts'
import type { ApiDeps } from '../deps.ts'

export const ticketRoutes =
  ({ tickets }: ApiDeps): FastifyPluginAsyncZod =>
  async (app) => {
    app.post('/v1/ws-tickets', async (request, reply) => {
      const identity = identityOf(request)
      const ticket = await tickets.issue(identity)
      // It opens nothing that its token would not.
      const left = Math.max(0, Math.floor(identity.exp - Date.now() / 1000))
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({ ticket, expiresInSeconds: Math.min(TICKET_SECONDS, left) })
    })
  }
