/** The one catalogue of error codes, for frames and HTTP alike. `docs/errors.md` is tied to it by a test. */

export interface ErrorKind {
  readonly status: number
  readonly title: string
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean
}

export const ERRORS = {
  bad_frame: { status: 400, title: 'The frame or request is malformed', retryable: false },
  too_large: { status: 413, title: 'A limit of size or number is exceeded', retryable: false },
  id_mismatch: { status: 422, title: 'The messageId is not the hash of the content', retryable: false },
  unauthorized: { status: 401, title: 'There is no valid token or ticket', retryable: false },
  forbidden: { status: 403, title: 'This is not yours to do', retryable: false },
  not_found: { status: 404, title: 'There is no such thing', retryable: false },
  not_member: { status: 403, title: 'You are not a member of this conversation', retryable: false },
  conflict: { status: 409, title: 'This contradicts what is already recorded', retryable: false },
  rate_limited: { status: 429, title: 'Too many requests from you', retryable: true },
  overloaded: { status: 503, title: 'The server is at its limit', retryable: true },
  unavailable: { status: 503, title: 'A part of the server does not answer', retryable: true },
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERRORS

/** WebSocket close codes that carry a meaning of ours (RFC 6455 leaves 4000–4999 to applications). */
export const CLOSE_CODES = {
  goingAway: 1001,
  tooLarge: 1009,
  drain: 1012,
  badFrames: 4400,
  authenticationEnded: 4401,
  tooSlow: 4408,
  replaced: 4409,
  version: 4426,
} as const
