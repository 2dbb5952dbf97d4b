/** The reference of the WebSocket: AsyncAPI 3.0 out of the schemas of the frames, from the server's point of view. */
import type { z } from 'zod'
import { socketQuery } from '../../protocol/http.ts'
import { SUBPROTOCOL } from '../gateway/socket-route.ts'
import { CLIENT_FRAMES, clientFrameSchemas, SERVER_FRAMES, serverFrameSchemas } from './frames.ts'
import { jsonSchemaOf } from './json-schema.ts'
import { EXAMPLE_WORLD } from './world.ts'

type ClientType = keyof typeof CLIENT_FRAMES
type ServerType = keyof typeof SERVER_FRAMES

/** Types of both directions may share a name: `typing` does. */
const clientMessage = (type: string) => `client.${type}`
const serverMessage = (type: string) => `server.${type}`

const SOCKET = { $ref: '#/channels/socket' }
const inChannel = (message: string) => ({ $ref: `#/channels/socket/messages/${message}` })

function message(title: string, schema: z.ZodType, example: unknown) {
  const { description, ...payload } = jsonSchemaOf(schema)
  return { name: title, title, summary: description, payload, examples: [{ name: title, payload: example }] }
}

/** Whoever asks may leave out what has a default. */
function queryOf(schema: z.ZodType): object {
  const { required: _, ...query } = jsonSchemaOf(schema)
  return query
}

export function asyncapi(): object {
  const messages: Record<string, object> = {}
  const operations: Record<string, object> = {}
  for (const [type, schema] of clientFrameSchemas) {
    const { example, answer } = CLIENT_FRAMES[type as ClientType]
    const name = clientMessage(type)
    messages[name] = message(type, schema, example(EXAMPLE_WORLD))
    operations[name] = {
      action: 'receive',
      channel: SOCKET,
      messages: [inChannel(name)],
      ...(answer === undefined
        ? {}
        : {
            reply: {
              channel: SOCKET,
              messages: [inChannel(serverMessage(answer)), inChannel(serverMessage('error'))],
            },
          }),
    }
  }
  for (const [type, schema] of serverFrameSchemas) {
    const name = serverMessage(type)
    messages[name] = message(type, schema, SERVER_FRAMES[type as ServerType](EXAMPLE_WORLD))
    operations[name] = { action: 'send', channel: SOCKET, messages: [inChannel(name)] }
  }
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Triptick over WebSocket',
      version: '1',
      description: `Text frames, JSON: one object, or an array of objects, in order. Subprotocol \`${SUBPROTOCOL}\`. Unknown fields are ignored by both sides.`,
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      here: {
        host: '{host}',
        protocol: 'ws',
        variables: { host: { default: '127.0.0.1:8080', description: 'Of any api node.' } },
        security: [
          { $ref: '#/components/securitySchemes/bearer' },
          { $ref: '#/components/securitySchemes/ticket' },
        ],
      },
    },
    channels: {
      socket: {
        address: '/v1/ws',
        messages,
        bindings: {
          ws: {
            method: 'GET',
            query: queryOf(socketQuery),
          },
        },
      },
    },
    operations,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        ticket: {
          type: 'httpApiKey',
          in: 'header',
          name: 'Sec-WebSocket-Protocol',
          description: 'For browsers: `ticket.<t>` as a second subprotocol, from `POST /v1/ws-tickets`.',
        },
      },
    },
  }
}
