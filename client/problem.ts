/** Why a request of a client had no success: the server's code, or what became of the connection. */
import type { ErrorCode } from '../protocol/errors.ts'
import type { ErrorFrame } from '../protocol/server-frames.ts'

/**
 * - `timeout`: no answer in time; `closed`: the connection ended first; `unreachable`: there was none.
 *   In all three the server may have done it nevertheless: send the same message again.
 * - Anything else is the server's own answer.
 */
export type ClientErrorCode = ErrorCode | 'timeout' | 'closed' | 'unreachable'

export class ClientProblem extends Error {
  override readonly name = 'ClientProblem'
  readonly code: ClientErrorCode
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined

  constructor(
    code: ClientErrorCode,
    message: string,
    more: { readonly retryable: boolean; readonly retryAfterMs?: number; readonly cause?: unknown },
  ) {
    super(`${code}: ${message}`, { cause: more.cause })
    this.code = code
    this.retryable = more.retryable
    this.retryAfterMs = more.retryAfterMs
  }
}

export const problemOf = ({ code, message, retryable, retryAfterMs }: ErrorFrame): ClientProblem =>
  new ClientProblem(code, message, { retryable, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
