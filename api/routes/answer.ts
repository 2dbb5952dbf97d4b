/** From the answers of command handling to HTTP. */
import type { Answer } from '../../ledger/mailbox/contract.ts'
import { ApiProblem } from '../problem.ts'

/** @throws ApiProblem for anything but `done`. */
export function resultOf<Result>(answer: Answer<Result>): Result {
  switch (answer.kind) {
    case 'done':
      return answer.result
    case 'rejected':
      throw new ApiProblem(answer.code, answer.message)
    case 'overloaded':
      throw new ApiProblem(
        'overloaded',
        'too much waits in this conversation',
        Math.round(500 + Math.random() * 1000),
      )
    case 'unavailable':
      throw new ApiProblem('unavailable', 'not known to be recorded; send it again', 1000)
    default:
      return answer satisfies never
  }
}
