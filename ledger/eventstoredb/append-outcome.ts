/** What a reply of the server, or the end of the call, says about an append: the table of outcomes. Sends nothing, retries nothing. */

import { AccessDeniedError, convertToCommandError } from '@eventstore/db-client'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import type { Status } from '@eventstore/db-client/generated/status_pb.js'
import type { BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js'
import { type AppendOutcome, NO_STREAM, type Position, type Revision } from '../ledger.ts'

/** `unplaced`: written, but the reply does not say where in the ledger. */
export type Reply = AppendOutcome | { readonly kind: 'unplaced'; readonly revision: Revision }

/**
 * The server would not take the append. It answers with a status whose details are `Empty`, and these words (KurrentDB 26.2
 * `Streams.BatchAppend.cs`, case `ClientMessage.NotHandled`).
 */
const NOT_NOW = /Server Is (Too )?Busy|Server Is Not Ready|No leader info available/

/**
 * The reply carries the position of the last event of the append, as commit and as prepare (`WriteEvents.ClientSuccessMsg`,
 * "not technically correct, but matches current behavior"; `StorageChaser.ProcessPrepareRecord` reports the record with the
 * TransactionEnd flag). It carries none when the original of a repeat cannot be read (`BatchAppendResp.Success.Completed`).
 * Two that differ would come from an explicit transaction, which this never starts: as good as none.
 */
export function replyOf(response: BatchAppendResp): Reply {
  const success = response.getSuccess()
  if (success === undefined) return failureOf(response.getError())
  const revision = Number(success.getCurrentRevision()) as Revision
  const position = success.getPosition()
  if (position === undefined || position.getCommitPosition() !== position.getPreparePosition())
    return { kind: 'unplaced', revision }
  return { kind: 'written', revision, position: BigInt(position.getCommitPosition()) as Position }
}

/** Everything not named here is `ambiguous`, first of all `Timeout`. */
function failureOf(status: Status | undefined): AppendOutcome {
  const cause = new Error(`the server answered ${status?.getMessage() || 'an error without a name'}`)
  const details = status?.getDetails()
  switch (details?.getTypeName().split('.').at(-1)) {
    case 'WrongExpectedVersion':
      return { kind: 'conflict', actual: actualOf(details.getValue_asU8()) }
    case 'StreamDeleted':
    case 'AccessDenied':
    case 'BadRequest':
    case 'MaximumAppendSizeExceeded':
    case 'MaximumAppendEventSizeExceeded':
      return { kind: 'refused', retryable: false, cause }
    default:
      return NOT_NOW.test(cause.message)
        ? { kind: 'refused', retryable: true, cause }
        : { kind: 'ambiguous', cause }
  }
}

function actualOf(details: Uint8Array): Revision {
  const wrong = shared.WrongExpectedVersion.deserializeBinary(details)
  return wrong.hasCurrentStreamRevision() ? (Number(wrong.getCurrentStreamRevision()) as Revision) : NO_STREAM
}

/**
 * The end of the call is no answer to one append, and any of those that wait may have been written before it: also when it
 * was ended because another node leads now. Only whoever was not let in has written nothing.
 */
export function outcomeOfEnd(error: Error): AppendOutcome {
  const cause = convertToCommandError(error)
  return cause instanceof AccessDeniedError
    ? { kind: 'refused', retryable: false, cause }
    : { kind: 'ambiguous', cause }
}
