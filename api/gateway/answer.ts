/** What a device is told in answer to its frame: a frame of its own, or what was wrong. */
import { ERRORS, type ErrorCode } from '../../protocol/errors.ts'
import type { ErrorFrame, Ref, ServerFrame } from '../../protocol/server-frames.ts'
import type { Session } from './session.ts'

export const answer = (session: Session, frame: ServerFrame): void => session.send(JSON.stringify(frame))

export function refuse(
  session: Session,
  ref: Ref | undefined,
  code: ErrorCode,
  message: string,
  retryAfterMs?: number,
): void {
  const frame: ErrorFrame = {
    t: 'error',
    ...(ref === undefined ? {} : { ref }),
    code,
    message,
    retryable: ERRORS[code].retryable,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
  answer(session, frame)
}
