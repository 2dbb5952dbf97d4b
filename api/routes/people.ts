/** Whether somebody is there, and what one shows of oneself. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import * as http from '../../protocol/http.ts'
import { identityOf } from '../auth/bearer.ts'
import type { ApiDeps } from '../deps.ts'
import type { Presence } from '../presence/presence.ts'
import { ApiProblem } from '../problem.ts'
import { resultOf } from './answer.ts'
import { caughtUp } from './caught-up.ts'
import { definedOf } from './defined.ts'

export const peopleRoutes =
  (deps: ApiDeps, presence: Pick<Presence, 'seenBy' | 'privacy' | 'changePrivacy'>): FastifyPluginAsyncZod =>
  async (app) => {
    app.get('/v1/users/:id/presence', { schema: { params: http.userPath } }, async (request) => {
      const { sub } = identityOf(request)
      const { id: userId } = request.params
      await caughtUp(deps)
      const seen = await presence.seenBy(sub, userId)
      // The same for strangers and for nobody: who exists is not told either.
      if (!seen) throw new ApiProblem('forbidden', 'you share no conversation with this person')
      return { userId, ...seen }
    })

    app.get('/v1/me/privacy', async (request) => {
      await caughtUp(deps)
      return await presence.privacy(identityOf(request).sub)
    })

    app.put('/v1/me/privacy', { schema: { body: http.privacyChange } }, async (request) => {
      const { sub } = identityOf(request)
      return resultOf(await presence.changePrivacy(sub, definedOf(request.body)))
    })
  }
