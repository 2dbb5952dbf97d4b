/** Where to connect to. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { Gateways } from '../gateway/gateways.ts'

export const gatewayRoutes =
  (gateways: Gateways): FastifyPluginAsyncZod =>
  async (app) => {
    app.get('/v1/gateways', async ({ protocol, host }) => ({
      gateways: await gateways.list(`${protocol}://${host}`),
    }))
  }
