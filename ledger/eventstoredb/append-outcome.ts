/** What an error of the client says about an append: the table of errors and outcomes. Sends nothing, retries nothing. */

import {
  AccessDeniedError,
  InvalidArgumentError,
  InvalidTransactionError,
  MaxAppendSizeExceededError,
  NO_STREAM as NO_STREAM_YET,
  StreamDeletedError,
  UnavailableError,
  UnknownError,
  WrongExpectedVersionError,
} from '@eventstore/db-client'
import { type AppendOutcome, NO_STREAM, type Revision } from '../ledger.ts'

/**
 * The server would not take the append. BatchAppend answers with a status whose details are `Empty`, which the client does
 * not recognise (KurrentDB 26.2 `Streams.BatchAppend.cs`, case `ClientMessage.NotHandled`); the classic call with UNAVAILABLE
 * and nearly the same words (`RpcExceptions.cs`).
 */
const NOT_NOW = /Server Is (Too )?Busy|Server Is Not Ready|No leader info available/

/** Statuses that 6.2.1 does not know, given before anything is written (`Streams.BatchAppend.cs`, `Receive`). */
const NEVER = /Could not recognize (BadRequest|MaximumAppendEventSizeExceeded)$/

/**
 * Everything not named here is `ambiguous`: timeouts of the server, cuts, and also NotLeaderError. The latter is no answer to
 * one append but the end of the stream that carries all of them, and any of them may have been written before it.
 */
export function outcomeOf(error: unknown): AppendOutcome {
  if (error instanceof WrongExpectedVersionError)
    return { kind: 'conflict', actual: revisionOf(error.actualVersion) }
  if (error instanceof UnknownError || error instanceof UnavailableError) {
    if (NOT_NOW.test(error.message)) return { kind: 'refused', retryable: true, cause: error }
    if (NEVER.test(error.message)) return { kind: 'refused', retryable: false, cause: error }
  }
  const final =
    error instanceof MaxAppendSizeExceededError ||
    error instanceof StreamDeletedError ||
    error instanceof AccessDeniedError ||
    error instanceof InvalidTransactionError ||
    error instanceof InvalidArgumentError
  return final ? { kind: 'refused', retryable: false, cause: error } : { kind: 'ambiguous', cause: error }
}

const revisionOf = (actual: WrongExpectedVersionError['actualVersion']): Revision =>
  actual === NO_STREAM_YET ? NO_STREAM : (Number(actual) as Revision)
