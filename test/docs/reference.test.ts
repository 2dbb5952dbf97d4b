/** The reference at `/docs` is valid, whole, and says what the catalogue says. Its examples run in `test/reference`. */
import { Parser } from '@asyncapi/parser'
import { Validator } from '@seriousme/openapi-schema-validator'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ApiDeps } from '../../api/deps.ts'
import type { Gateway } from '../../api/gateway/gateway.ts'
import { type SocketDeps, socketRoute } from '../../api/gateway/socket-route.ts'
import {
  CLIENT_FRAMES,
  clientFrameSchemas,
  SERVER_FRAMES,
  serverFrameSchemas,
} from '../../api/reference/frames.ts'
import { ROUTES } from '../../api/reference/routes.ts'
import { EXAMPLE_WORLD } from '../../api/reference/world.ts'
import { createServer } from '../../api/server.ts'
import { ERRORS } from '../../protocol/errors.ts'
import { readDoc } from './markdown.ts'

/** Stands for everything that routes need when they are asked: here they are only registered. */
const unused: never = new Proxy(() => {}, {
  get: (_target, name) => (name === 'then' ? undefined : unused),
  apply: () => unused,
}) as never

interface Operation {
  readonly operationId?: string
  readonly summary?: string
  readonly tags?: readonly string[]
  readonly security?: readonly object[]
  readonly parameters?: readonly {
    readonly name: string
    readonly required?: boolean
    readonly description?: string
    readonly schema: { readonly description?: string; readonly default?: unknown }
  }[]
  readonly responses: Record<string, { description: string; content?: Record<string, unknown> }>
}

interface OpenApi {
  readonly openapi: string
  readonly paths: Record<string, Record<string, Operation>>
}

let app: FastifyInstance
let openapi: OpenApi
let asyncapi: { asyncapi: string; channels: { socket: { messages: Record<string, object> } } }

beforeAll(async () => {
  const deps = new Proxy({}, { get: (_target, name) => (name === 'log' ? undefined : unused) })
  const gateway = { route: socketRoute(unused as SocketDeps) }
  app = await createServer(deps as ApiDeps, gateway as Gateway)
  openapi = (await app.inject('/docs/openapi.json')).json()
  asyncapi = (await app.inject('/docs/asyncapi.json')).json()
})
afterAll(() => app.close())

/** By `METHOD /path`, with the parameters as fastify writes them. */
const documented = (): (readonly [string, Operation])[] =>
  Object.entries(openapi.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => [
      `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`,
      operation,
    ]),
  )

const inCatalogue = (one: string, other: string): number => placeOf(one) - placeOf(other)
const placeOf = (code: string): number => Object.keys(ERRORS).indexOf(code.replaceAll('`', ''))

describe('OpenAPI', () => {
  test('every refusal shows each of its codes as it is answered', () => {
    for (const [key, { responses }] of documented()) {
      for (const [status, { description, content = {} }] of Object.entries(responses)) {
        const refused = content['application/problem+json'] as { examples: object } | undefined
        if (!refused) continue
        const codes = Object.keys(refused.examples)
        expect(
          codes.map((code) => `\`${code}\``),
          key,
        ).toEqual(description.match(/`\w+`(?=:)/g)?.sort(inCatalogue))
        for (const { value } of Object.values(refused.examples))
          expect(value, key).toMatchObject({ status: Number(status) })
      }
    }
  })

  test('is a valid document of version 3.1', { timeout: 120_000 }, async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(openapi) as never)
    expect(errors).toBeUndefined()
    expect(valid).toBe(true)
    expect(openapi.openapi).toBe('3.1.0')
  })

  test('every route is described in api/reference/routes.ts, and nothing that is no route', () => {
    const routes = documented().map(([key]) => key)
    expect(routes.filter((key) => !ROUTES[key])).toEqual([])
    expect(Object.keys(ROUTES).filter((key) => !routes.includes(key))).toEqual([])
  })

  test('every route says what it is for, who may, and how it answers', () => {
    for (const [key, operation] of documented()) {
      expect(operation.summary, key).toBeTruthy()
      expect(operation.tags, key).toHaveLength(1)
      expect(operation.security, key).toEqual(ROUTES[key]?.access === 'anybody' ? [] : [{ bearer: [] }])
      for (const { description } of Object.values(operation.responses)) expect(description, key).toBeTruthy()
    }
    const names = documented().map(([, { operationId }]) => operationId)
    expect(new Set(names).size).toBe(names.length)
  })

  test('every parameter says what it is for, and what holds without it', () => {
    for (const [key, { parameters = [] }] of documented()) {
      for (const { name, required, description, schema } of parameters) {
        const said = description ?? schema.description
        expect(said, `${key}: ${name}`).toMatch(/\w+ \w+/)
        const isBound = ['before', 'after', 'around'].includes(name)
        if (!required && !isBound && schema.default === undefined)
          expect(said, `${key}: ${name}`).toContain('Absent: ')
      }
    }
  })

  test('every refusal is problem+json with codes of the catalogue, each under its status', () => {
    const said = new Set<string>()
    for (const [key, { responses }] of documented()) {
      for (const [status, { description, content = {} }] of Object.entries(responses)) {
        if (!('application/problem+json' in content)) continue
        const codes = [...description.matchAll(/`(\w+)`/g)].map(([, code]) => code as keyof typeof ERRORS)
        expect(codes.length, key).toBeGreaterThan(0)
        for (const code of codes) expect(String(ERRORS[code]?.status), `${key}: ${code}`).toBe(status)
        for (const code of codes) said.add(code)
      }
    }
    expect([...said].sort()).toEqual(Object.keys(ERRORS).sort())
  })

  test('every example is an answer as its schema wants it', () => {
    for (const [key, { answers, example }] of Object.entries(ROUTES)) {
      const { status, answer } = example(EXAMPLE_WORLD)
      const schema = answers[status]?.schema
      expect(answers, key).toHaveProperty(String(status))
      // Parsing drops what the schema does not name: then the answer would no longer be the same.
      if (schema) expect(schema.parse(answer), key).toEqual(answer)
      else expect(answer, key).toBeUndefined()
    }
  })
})

describe('AsyncAPI', () => {
  test('is a valid document of version 3.0', { timeout: 120_000 }, async () => {
    const { document, diagnostics } = await new Parser().parse(asyncapi)
    // 0 is an error, 1 a warning.
    expect(diagnostics.filter(({ severity }) => severity <= 1)).toEqual([])
    expect(document?.operations().length).toBe(clientFrameSchemas.size + serverFrameSchemas.size)
    expect(asyncapi.asyncapi).toBe('3.0.0')
  })

  test('every frame is there, with a description and an example that its schema accepts', () => {
    expect(Object.keys(asyncapi.channels.socket.messages)).toEqual([
      ...[...clientFrameSchemas.keys()].map((type) => `client.${type}`),
      ...[...serverFrameSchemas.keys()].map((type) => `server.${type}`),
    ])
    for (const [type, schema] of clientFrameSchemas) {
      const example = CLIENT_FRAMES[type].example(EXAMPLE_WORLD)
      expect(schema.parse(example)).toEqual(example)
      expect(schema.description, type).toBeTruthy()
    }
    for (const [type, schema] of serverFrameSchemas) {
      const example = SERVER_FRAMES[type](EXAMPLE_WORLD)
      expect(schema.parse(example)).toEqual(example)
      expect(schema.description, type).toBeTruthy()
    }
  })
})

test('every frame with a position is named in docs/protocol.md as having a string of digits', () => {
  const schemas = [...clientFrameSchemas, ...serverFrameSchemas]
  const withPosition = schemas.filter(([, { shape }]) => 'position' in shape)
  for (const [type, { shape }] of withPosition) {
    const { position } = shape as { position?: { safeParse(value: unknown): { success: boolean } } }
    expect(position?.safeParse('4711').success, type).toBe(true)
    expect(position?.safeParse(4711).success, type).toBe(false)
  }
  const [, named = ''] =
    /\*\*position\*\* \(`position` of (.*?) and of a page/.exec(readDoc('protocol.md')) ?? []
  const types = [...named.matchAll(/`(\w+)`/g)].map(([, type]) => type)
  expect(types.sort()).toEqual(withPosition.map(([type]) => type).sort())
})

describe('the pages', () => {
  test('of the frames names every frame and every error code, and needs nothing from elsewhere', async () => {
    const { body, headers } = await app.inject('/docs/frames')
    expect(headers['content-type']).toContain('text/html')
    for (const type of clientFrameSchemas.keys()) expect(body).toContain(`id="client-${type}"`)
    for (const type of serverFrameSchemas.keys()) expect(body).toContain(`id="server-${type}"`)
    for (const code of Object.keys(ERRORS)) expect(body).toContain(`<code>${code}</code>`)
    expect(body).not.toMatch(/https?:\/\//)
  })

  test('of the frames says of every field but the type what it holds, in words', async () => {
    const { body } = await app.inject('/docs/frames')
    const field = /<td><code>(\w+)<\/code>\??<\/td><td><code>[^<]*<\/code><\/td><td>([\s\S]*?)<\/td>/g
    const unsaid = [...body.matchAll(field)].flatMap(([, name, said]) => (said === '' ? [name] : []))
    const frames = clientFrameSchemas.size + serverFrameSchemas.size
    expect(unsaid).toEqual(Array.from({ length: frames }, () => 't'))
    expect(body).not.toContain('`')
    expect(body).not.toContain('^[')
  })

  test('of the frames shows what is in a field that has fields itself', async () => {
    const { body } = await app.inject('/docs/frames')
    const kinds = [...body.matchAll(/<td><code>\w+<\/code>\??<\/td><td><code>([^<]*)<\/code>/g)].map(
      ([, kind]) => kind,
    )
    expect(kinds.length).toBeGreaterThan(100)
    expect(kinds.filter((kind) => kind === 'object' || kind === 'array')).toEqual([])
    expect(kinds).toContainEqual(expect.stringContaining('{ kind: &quot;text&quot;, text: string'))
    expect(kinds).toContainEqual(expect.stringMatching(/^\{ userId: string[^}]* role: [^}]*\}\[\]$/))
  })

  test('of HTTP is there, with its script', async () => {
    const page = await app.inject('/docs')
    expect(page.statusCode).toBe(200)
    expect(page.body).toContain('swagger-ui')
    const sources = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source]) => source as string)
    expect(sources.length).toBeGreaterThan(3)
    for (const source of sources) {
      const { statusCode } = await app.inject(new URL(source, 'http://here/docs').pathname)
      expect(statusCode, source).toBe(200)
    }
  })

  test('are where the bare address leads', async () => {
    const { statusCode, headers } = await app.inject('/')
    expect(statusCode).toBe(302)
    expect((await app.inject(headers.location as string)).statusCode).toBe(200)
  })

  test('that is none is a problem like everywhere', async () => {
    const { statusCode, headers } = await app.inject('/docs/nothing')
    expect(statusCode).toBe(404)
    expect(headers['content-type']).toContain('application/problem+json')
  })
})
