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
