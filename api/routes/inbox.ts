/** The conversations of the caller, newest first. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { inbox } from '../../projections/queries/inbox.ts'
import { inboxQuery } from '../../protocol/http.ts'
import { identityOf } from '../auth/bearer.ts'
import type { ApiDeps } from '../deps.ts'
import { openBodies } from '../messages/open-bodies.ts'
import { inboxView } from '../messages/views.ts'
import { ApiProblem } from '../problem.ts'
import { caughtUp } from './caught-up.ts'

export const inboxRoutes =
  (deps: ApiDeps): FastifyPluginAsyncZod =>
  async (app) => {
    app.get('/v1/inbox', { schema: { querystring: inboxQuery } }, async (request) => {
      const { sub } = identityOf(request)
      const { after, limit } = request.query
      await caughtUp(deps)
      const page = await inbox(deps.pool, sub, after === undefined ? { limit } : { after, limit })
      if (!page) throw new ApiProblem('bad_frame', 'after is not a cursor of an earlier page')
      const last = page.entries.flatMap(({ lastMessage }) => (lastMessage ? [lastMessage] : []))
      const opened = await openBodies(deps, last)
      const bodies = new Map(last.map((message, index) => [message, opened[index]]))
      const conversations = page.entries.map((entry) =>
        inboxView(entry, entry.lastMessage ? bodies.get(entry.lastMessage) : undefined),
      )
      return { conversations, ...(page.next === undefined ? {} : { next: page.next }) }
    })
  }
