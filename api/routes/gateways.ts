/** Where to connect to. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { Gateways } from '../gateway/gateways.ts'

/** A name or an address, with or without a port; a client may write anything there. */
const isHost = (host: string): boolean => /^([\w.-]+|\[[\da-f:.]+\])(:\d+)?$/i.test(host)

export const gatewayRoutes =
  (gateways: Gateways): FastifyPluginAsyncZod =>
  async (app) => {
    app.get('/v1/gateways', async ({ protocol, host }) => ({
      gateways: await gateways.list(isHost(host) ? `${protocol}://${host}` : undefined),
    }))
  }
