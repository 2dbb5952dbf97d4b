/** Errors on their way out of HTTP: RFC 9457 `application/problem+json` with a code of the catalogue. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { TooManyReads } from '../ledger/mailbox/stream-reads.ts'
import { ERRORS, type ErrorCode } from '../protocol/errors.ts'
import { isTooLong } from '../protocol/fields.ts'
import type { Report } from '../runtime/calm-report.ts'

/** Thrown by routes and hooks; `message` is shown to the caller and never holds a body or a secret. */
export class ApiProblem extends Error {
  override readonly name: string = 'ApiProblem'
  readonly code: ErrorCode
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, retryAfterMs?: number) {
    super(message)
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}

/** Work did not end in time, and may still be carried out. To repeat it is as safe as after any other `unavailable`. */
export class NotInTime extends ApiProblem {
  override readonly name = 'NotInTime'

  constructor() {
    // At a moment of its own: all who waited are told at the same time.
    super(
      'unavailable',
      'no answer in time; it may still be carried out',
      Math.round(1_000 + Math.random() * 2_000),
    )
  }
}

export const TOO_MUCH_WAITS = 'too much waits to be recorded or read just now'

export const tooMuchWaits = (): ApiProblem =>
  new ApiProblem('overloaded', TOO_MUCH_WAITS, Math.round(500 + Math.random() * 1000))

export function sendProblem(
  reply: FastifyReply,
  code: ErrorCode,
  detail: string,
  retryAfterMs?: number,
  /** Extension members (RFC 9457, §3.2). */
  more: object = {},
): FastifyReply {
  if (retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(retryAfterMs / 1000))
  if (code === 'unauthorized') reply.header('www-authenticate', 'Bearer')
  return reply
    .code(ERRORS[code].status)
    .type('application/problem+json')
    .send({ ...more, ...problemOf(code, detail, retryAfterMs) })
}

/** @param allowed the methods that are answered there. */
export function sendUnrouted(reply: FastifyReply, method: string, allowed: readonly string[]): FastifyReply {
  if (allowed.length === 0) return sendProblem(reply, 'not_found', 'there is no such route')
  const detail = `${method} is not answered here, but ${allowed.join(', ')}`
  return reply
    .code(405)
    .header('allow', allowed.join(', '))
    .type('application/problem+json')
    .send({ ...problemOf('not_found', detail), status: 405, title: STATUS_CODES[405] })
}

function problemOf(code: ErrorCode, detail: string, retryAfterMs?: number): object {
  const { status, title, retryable } = ERRORS[code]
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs }
  return { type: 'about:blank', status, title, code, detail, retryable, ...wait }
}

/** What the HTTP parser itself refuses (headers of more than 16 KiB, no HTTP at all, what does not arrive) never becomes a request: answered by hand. */
const UNREAD: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: 'the head of the request is over 16 KiB',
  ERR_HTTP_REQUEST_TIMEOUT: 'the request took too long to arrive',
}
const UNREAD_AS: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'too_large',
  // Of a bad network, perhaps: the same request may come through later.
  ERR_HTTP_REQUEST_TIMEOUT: 'unavailable',
}

export function handleUnreadable(error: { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return
  const code = UNREAD_AS[error.code ?? ''] ?? 'bad_frame'
  const body = JSON.stringify(problemOf(code, UNREAD[error.code ?? ''] ?? 'the request cannot be read'))
  const { status } = ERRORS[code]
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/** A path that cannot be decoded, or has an id that is far too long, reaches no route, and so no hook. */
export function handleUnroutable(_error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  sendProblem(reply, 'bad_frame', 'the path cannot be read')
}

/** What Fastify cannot parse, by its code. */
const UNREADABLE: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'send JSON, and say so: content-type: application/json',
}

/** What is wrong with a request is told of so many places in it. */
const MOST_PLACES = 5

const placeOf = ({ instancePath, message }: FastifySchemaValidationError): string =>
  `${instancePath || '/'}: ${message}`

const placeOfRequest = ({ method, routeOptions }: FastifyRequest) => ({ method, route: routeOptions.url })

/** The last stop of every error of a request. What is not foreseen is reported, and told without its text. */
export const createErrorHandler = (report: Report) =>
  function handleError(
    thrown: FastifyError | ApiProblem | TooManyReads,
    request: FastifyRequest,
    reply: FastifyReply,
  ) {
    const error = thrown instanceof TooManyReads ? tooMuchWaits() : thrown
    if (error instanceof NotInTime) report(error, placeOfRequest(request))
    if (error instanceof ApiProblem) return sendProblem(reply, error.code, error.message, error.retryAfterMs)
    if (hasZodFastifySchemaValidationErrors(error)) {
      const tooLong = error.validation.find(({ params }) => isTooLong(params.params))
      if (tooLong) return sendProblem(reply, 'too_large', placeOf(tooLong))
      const more = error.validation.length - MOST_PLACES
      const places = error.validation.slice(0, MOST_PLACES).map(placeOf)
      return sendProblem(
        reply,
        'bad_frame',
        [...places, ...(more > 0 ? [`and ${more} more`] : [])].join('; '),
      )
    }
    if (error.statusCode === 413) return sendProblem(reply, 'too_large', 'the request body is too large')
    if (error.statusCode !== undefined && error.statusCode < 500) {
      return sendProblem(reply, 'bad_frame', UNREADABLE[error.code] ?? 'the request cannot be read')
    }
    report(error, placeOfRequest(request))
    return sendProblem(reply, 'unavailable', 'something broke on our side; it has been logged', 1000)
  }
