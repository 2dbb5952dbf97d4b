/** Errors on their way out of HTTP: RFC 9457 `application/problem+json` with a code of the catalogue. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { ERRORS, type ErrorCode } from '../protocol/errors.ts'

/** Thrown by routes and hooks; `message` is shown to the caller and never holds a body or a secret. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  readonly code: ErrorCode
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, retryAfterMs?: number) {
    super(message)
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}

export function sendProblem(
  reply: FastifyReply,
  code: ErrorCode,
  detail: string,
  retryAfterMs?: number,
): FastifyReply {
  const { status, title, retryable } = ERRORS[code]
  if (retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(retryAfterMs / 1000))
  return reply
    .code(status)
    .type('application/problem+json')
    .send({
      type: 'about:blank',
      status,
      title,
      code,
      detail,
      retryable,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
}

/** The last stop of every error of a request. What is not foreseen is logged and told without its text. */
export function handleError(error: FastifyError | ApiProblem, request: FastifyRequest, reply: FastifyReply) {
  if (error instanceof ApiProblem) return sendProblem(reply, error.code, error.message, error.retryAfterMs)
  if (hasZodFastifySchemaValidationErrors(error)) {
    const places = error.validation.map(({ instancePath, message }) => `${instancePath || '/'}: ${message}`)
    return sendProblem(reply, 'bad_frame', places.join('; '))
  }
  if (error.statusCode === 413) return sendProblem(reply, 'too_large', 'the request body is too large')
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return sendProblem(reply, 'bad_frame', 'the request cannot be read')
  }
  request.log.error({ err: error }, 'a request failed')
  return sendProblem(reply, 'unavailable', 'something broke on our side; it has been logged', 1000)
}
