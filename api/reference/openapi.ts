/** The HTTP reference: OpenAPI 3.1 out of the routes as they are registered, their schemas, and `routes.ts`. */
import type { RouteOptions } from 'fastify'
import { z } from 'zod'
import { problem } from '../../protocol/answers.ts'
import { ERRORS, type ErrorCode } from '../../protocol/errors.ts'
import type { Answer, RouteDescription } from './description.ts'
import { TAGS } from './description.ts'
import { ROUTES } from './routes.ts'
import { EXAMPLE_WORLD } from './world.ts'

/** What is known of a route when it is registered. */
export interface RegisteredRoute {
  readonly method: string
  readonly url: string
  /** Its zod schemas. */
  readonly schema: RouteOptions['schema']
}

const description = `One HTTP API beside the WebSocket, whose frames are described at [/docs/frames](/docs/frames) and in
[AsyncAPI](/docs/asyncapi.json). Times are Unix milliseconds. Names never change; fields may be added, so ignore what you do
not know. Errors are \`application/problem+json\`; decide by their \`code\`.`

export const openapi = {
  openapi: '3.1.0',
  // The version of the protocol.
  info: {
    title: 'Triptick',
    version: '1',
    description,
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [{ url: '/' }],
  tags: Object.entries(TAGS).map(([name, what]) => ({ name, description: what })),
  components: {
    securitySchemes: { bearer: { type: 'http' as const, scheme: 'bearer', bearerFormat: 'JWT' } },
  },
}

/** The schema of a route with all that is said about it, as `@fastify/swagger` reads it. */
export function describedSchema({ method, url, schema = {} }: RegisteredRoute): object {
  const route = ROUTES[`${method} ${url}`]
  if (!route) return schema
  return {
    ...schema,
    ...(route.query === undefined ? {} : { querystring: route.query }),
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    security: route.access === 'anybody' ? [] : [{ bearer: [] }],
    response: { ...answersOf(route), ...refusalsOf(errorsOf(route, schema)) },
  }
}

/** Drops the components that zod makes for requests, where only answers have some. */
export function dropUnused<D extends object>(document: D): D {
  const { schemas = {} } =
    (document as { readonly components?: { schemas?: Record<string, unknown> } }).components ?? {}
  const text = JSON.stringify(document)
  for (const name of Object.keys(schemas)) {
    if (!text.includes(`"#/components/schemas/${name}"`)) delete schemas[name]
  }
  return document
}

/** Puts the examples to the requests and answers of a finished document: `@fastify/swagger` has no place for them. */
export function addExamples<D extends object>(document: D): D {
  const { paths } = document as unknown as { readonly paths: Record<string, Record<string, Operation>> }
  for (const [key, route] of Object.entries(ROUTES)) {
    const [method = '', url = ''] = key.split(' ')
    const operation = paths[url.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()]
    if (operation) exemplify(operation, route)
  }
  return document
}

interface Operation {
  readonly parameters?: { name: string; in: 'path' | 'query'; example?: unknown }[]
  readonly requestBody?: { readonly content: Record<string, { example?: unknown }> }
  readonly responses: Record<
    string,
    { description: string; content?: Record<string, { example?: unknown; examples?: unknown }> }
  >
}

function exemplify(operation: Operation, route: RouteDescription): void {
  const { params, query, body, status, answer } = route.example(EXAMPLE_WORLD)
  for (const parameter of operation.parameters ?? []) {
    const value = (parameter.in === 'path' ? params : query)?.[parameter.name]
    if (value !== undefined) parameter.example = value
  }
  const request = operation.requestBody?.content['application/json']
  if (request && body) request.example = body
  const answered = operation.responses[status]?.content?.['application/json']
  if (answered && answer !== undefined) answered.example = answer
  for (const { description: told, content = {} } of Object.values(operation.responses)) {
    const refused = content['application/problem+json']
    if (refused) refused.examples = examplesOf(ERROR_CODES.filter((code) => told.includes(`\`${code}\``)))
  }
}

const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[]

const examplesOf = (codes: readonly ErrorCode[]): object =>
  Object.fromEntries(
    codes.map((code) => {
      const { status, title, retryable } = ERRORS[code]
      return [code, { value: { type: 'about:blank', status, title, code, retryable } }]
    }),
  )

/** `errors` of a route with those that its access and its input bring with them. */
export function errorsOf(route: RouteDescription, schema: RouteOptions['schema'] = {}): readonly ErrorCode[] {
  const { access, errors = [] } = route
  const input = schema.body || schema.params || schema.querystring
  return [
    ...new Set<ErrorCode>([
      // A page whose origin may not ask, and a head that is too large, whatever the route.
      'forbidden',
      'too_large',
      ...(input ? (['bad_frame'] as const) : []),
      ...(access === 'anybody' ? [] : (['unauthorized', 'rate_limited', 'unavailable'] as const)),
      ...(access === 'member' || access === 'admin' || access === 'sender'
        ? (['not_found', 'not_member'] as const)
        : []),
      ...errors,
    ]),
  ]
}

const answersOf = ({ answers }: RouteDescription) =>
  Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerSchema(answer)]))

function answerSchema({ description, schema, contentType = 'application/json' }: Answer): object {
  if (!schema && contentType === 'application/json') return z.null().meta({ description })
  return { description, content: { [contentType]: { schema: schema ?? z.string() } } }
}

/** One answer a status: several codes may share one. */
function refusalsOf(codes: readonly ErrorCode[]): object {
  const statuses = [...new Set(codes.map((code) => ERRORS[code].status))]
  return Object.fromEntries(
    statuses.map((status) => {
      const sharing = codes.filter((code) => ERRORS[code].status === status)
      const description = sharing.map((code) => `\`${code}\`: ${ERRORS[code].title}.`).join(' ')
      return [status, { description, content: { 'application/problem+json': { schema: problem } } }]
    }),
  )
}
