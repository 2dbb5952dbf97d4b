/**
 * The server of the reference: a Fastify of its own that knows the routes of the api, and answers only under `/docs`. It is
 * made when somebody first asks: it costs 15 MB and a third of a second, which a process without readers need not spend.
 */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fastify, { type FastifyInstance, type HTTPMethods } from 'fastify'
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { reportErrors } from '../../runtime/calm-report.ts'
import { createErrorHandler, sendProblem } from '../problem.ts'
import { asyncapi } from './asyncapi.ts'
import { framesPage } from './frames-page.ts'
import { open } from './json-schema.ts'
import { addExamples, describedSchema, dropUnused, openapi, type RegisteredRoute } from './openapi.ts'

/** In the bar at the top of the page, in place of the plugin's logo. */
const NAME = `<svg xmlns="http://www.w3.org/2000/svg" width="180" height="40" role="img" aria-label="Triptick">
<text x="0" y="28" font-family="sans-serif" font-size="24" font-weight="600" fill="#fff">Triptick <tspan fill="#5bb8ff">✓✓</tspan></text>
</svg>`

export async function createReferenceApp(routes: readonly RegisteredRoute[]): Promise<FastifyInstance> {
  const app = fastify()
  // Nothing is checked or written by the schemas here: they are only described.
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => JSON.stringify)
  app.setErrorHandler(createErrorHandler(reportErrors(app.log, 'a page of the reference failed')))
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'not_found', 'there is no such page'))

  const zodToJsonConfig = { override: open }
  const finish = createJsonSchemaTransformObject({ zodToJsonConfig })
  await app.register(swagger, {
    openapi,
    convertConstToEnum: false,
    transform: createJsonSchemaTransform({ zodToJsonConfig }),
    transformObject: (document) => addExamples(dropUnused(finish(document))),
  })
  for (const route of routes) {
    const schema = describedSchema(route)
    app.route({ method: route.method as HTTPMethods, url: route.url, schema, handler: async () => {} })
  }

  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { docExpansion: 'list' },
    theme: { title: 'Triptick: HTTP' },
    logo: { type: 'image/svg+xml', content: NAME, href: '/docs/' },
  })
  const hidden = { schema: { hide: true } }
  app.get('/docs/openapi.json', hidden, async () => app.swagger())
  const frames = asyncapi()
  app.get('/docs/asyncapi.json', hidden, async () => frames)
  const page = framesPage()
  app.get('/docs/frames', hidden, async (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(page),
  )
  await app.ready()
  return app
}
