/**
 * What the reference says about a route or a frame beside its schema. The tests run every example on a real system, and try
 * every route and frame as each kind of person who may not use it: whoever adds one says here who may.
 */
import type { z } from 'zod'
import type { ClientFrame } from '../../protocol/client-frames.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { ServerFrame } from '../../protocol/server-frames.ts'
import type { World } from './world.ts'

export const TAGS = {
  conversations: 'Who talks to whom.',
  messages: 'Sending, history, and to whom a message went.',
  search: 'Finding what was said, and where one was mentioned.',
  people: 'Who is there, and what people show of themselves.',
  connection: 'How a WebSocket is opened. What is spoken on it: [the frames](/docs/frames).',
  accounts: 'For people without an identity provider: a name and a password become tokens.',
  operations: 'For load balancers and monitoring.',
} as const

/**
 * Who may:
 * - `anybody`: no token is needed.
 * - `person`: whoever has a token, about what is theirs; others’ conversations are never in the answer.
 * - `member`: of the conversation; others get `not_member`.
 * - `admin`: of the group; its other members get `forbidden`.
 * - `sender`: of the message; the other members get `forbidden`.
 */
export type Access = 'anybody' | 'person' | 'member' | 'admin' | 'sender'

export interface Answer {
  readonly description: string
  /** Of a JSON body. */
  readonly schema?: z.ZodType
  /** Of a body that is not JSON. */
  readonly contentType?: string
}

export interface RouteExample {
  readonly params?: Readonly<Record<string, string | number>>
  readonly query?: Readonly<Record<string, string | number>>
  readonly body?: object
  readonly status: number
  /** Absent where there is no body, or none in JSON. */
  readonly answer?: unknown
}

export interface RouteDescription {
  /** Its name in clients that are generated from the reference. */
  readonly id: string
  readonly tag: keyof typeof TAGS
  readonly summary: string
  readonly access: Access
  /** Of a route that reads its query itself, before the upgrade. */
  readonly query?: z.ZodType
  readonly answers: Readonly<Record<number, Answer>>
  /** Beside those that follow from its access and its input. */
  readonly errors?: readonly ErrorCode[]
  /** Asked by alice. */
  readonly example: (world: World) => RouteExample
}

/** By `METHOD /path`, as fastify writes it. */
export type RouteDescriptions = Readonly<Record<string, RouteDescription>>

export interface ClientFrameDescription {
  readonly access: Exclude<Access, 'anybody' | 'admin'>
  /** Sent by alice. */
  readonly example: (world: World) => ClientFrame
  /** The type of the frame that answers the example; absent where nothing does. */
  readonly answer?: ServerFrame['t']
}
