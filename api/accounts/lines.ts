/**
 * The log-ins and registrations of one network on this node, one after another: all of them together hold one attempt and one
 * place before the passwords, so that many at once neither use up their own attempts nor keep other networks waiting. Knows
 * nothing of what they do.
 */
import { createLine, type Line } from '../../runtime/line.ts'
import { ApiProblem } from '../problem.ts'

/**
 * Works when everything before it in this line is done.
 * @throws ApiProblem `overloaded` when too many wait in it, or the turn comes too late.
 */
export type InLine = <T>(line: string, work: () => Promise<T>) => Promise<T>

/** Each takes some 40 ms, most of it for the password: the last waits 2 s. */
const MAX_WAITING = 50
/** Where many networks take turns at the passwords, a line is slower; whoever asked so long ago has asked again. */
const PATIENCE_MS = 5_000
const RETRY_MS = 1_000

export function createLines(patienceMs = PATIENCE_MS): InLine {
  const lines = new Map<string, Line>()
  const tooMany = () => new ApiProblem('overloaded', 'too many of this network log in just now', RETRY_MS)

  return async (name, work) => {
    const line = lines.get(name) ?? createLine(1)
    if (line.waiting >= MAX_WAITING) throw tooMany()
    lines.set(name, line)
    const since = performance.now()
    try {
      return await line.inTurn(async () => {
        if (performance.now() - since > patienceMs) throw tooMany()
        return await work()
      })
    } finally {
      if (line.isIdle && lines.get(name) === line) lines.delete(name)
    }
  }
}
