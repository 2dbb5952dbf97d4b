/** Notes every route as it is registered, and hands requests for `/docs` to a server of the reference, made for the first one. */
import type { FastifyInstance, RouteOptions } from 'fastify'
import type { RegisteredRoute } from './openapi.ts'

/** To be called before any other route is registered. */
export function registerReference(app: FastifyInstance): void {
  const routes: RegisteredRoute[] = []
  let served: Promise<FastifyInstance> | undefined

  app.addHook('onRoute', ({ method, url, schema }: RouteOptions) => {
    for (const one of [method].flat()) {
      if (one !== 'HEAD' && url !== '/' && !url.startsWith('/docs')) routes.push({ method: one, url, schema })
    }
  })
  app.addHook('onClose', async () => (await served)?.close())

  // Who opens the address that `npm start` prints is to find something.
  app.get('/', (_request, reply) => reply.redirect('/docs/'))
  for (const url of ['/docs', '/docs/*']) {
    app.get(url, async (request, reply) => {
      served ??= import('./app.ts').then(({ createReferenceApp }) => createReferenceApp(routes))
      const { routing } = await served
      reply.hijack()
      // What the hooks have said already: which page may read it.
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value)
      }
      routing(request.raw, reply.raw)
    })
  }
}
