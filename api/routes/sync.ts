/** Long poll, for networks without WebSocket: the frames that a socket would have had, and frames to the server. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { Position } from '../../ledger/ledger.ts'
import * as http from '../../protocol/http.ts'
import { identityOf } from '../auth/bearer.ts'
import type { Polls } from '../gateway/polls.ts'

export const syncRoutes =
  (polls: Polls): FastifyPluginAsyncZod =>
  async (app) => {
    // Not for HEAD, which is to change nothing: a poll takes the place of its device's socket.
    const options = {
      schema: { querystring: http.syncQuery },
      exposeHeadRoute: false,
      // It waits as long as it is asked to, and knows when it waits for the database.
      config: { patience: 'of-its-own' },
    } as const
    app.get('/v1/sync', options, async (request, reply) => {
      const { device, after, wait } = request.query
      const gone = new AbortController()
      reply.raw.on('close', () => gone.abort())
      const { frames, position, more } = await polls.poll(identityOf(request), {
        deviceId: device,
        after: after === undefined ? undefined : (BigInt(after) as Position),
        waitMs: wait * 1000,
        signal: gone.signal,
      })
      // The frames are JSON already.
      return reply
        .type('application/json')
        .send(`{"frames":[${frames.join(',')}],"position":"${position}","more":${more}}`)
    })

    app.post('/v1/sync', { schema: { body: http.syncFrames } }, async (request, reply) => {
      const { device, frames } = request.body
      const answers = await polls.perform(identityOf(request), {
        deviceId: device,
        address: request.ip,
        frames,
      })
      return reply.type('application/json').send(`{"frames":[${answers.join(',')}]}`)
    })
  }
