/** Tickets for browsers, which cannot send a bearer header with a WebSocket. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { identityOf } from '../auth/bearer.ts'
import { TICKET_SECONDS } from '../auth/tickets.ts'
import type { ApiDeps } from '../deps.ts'

export const ticketRoutes =
  ({ tickets }: ApiDeps): FastifyPluginAsyncZod =>
  async (app) => {
    app.post('/v1/ws-tickets', async (request, reply) => {
      const ticket = await tickets.issue(identityOf(request))
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({ ticket, expiresInSeconds: TICKET_SECONDS })
    })
  }
