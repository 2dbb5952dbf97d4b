/** From the answers of command handling to HTTP. */
import type { Answer } from '../../ledger/mailbox/contract.ts'
import { ApiProblem, tooMuchWaits } from '../problem.ts'

/** @throws ApiProblem for anything but `done`. */
export function resultOf<Result>(answer: Answer<Result>): Result {
  switch (answer.kind) {
    case 'done':
      return answer.result
    case 'rejected':
      throw new ApiProblem(answer.code, answer.message)
    case 'overloaded':
      throw tooMuchWaits()
    case 'unavailable':
      throw new ApiProblem('unavailable', 'not known to be recorded; send it again', 1000)
    default:
      return answer satisfies never
  }
}
