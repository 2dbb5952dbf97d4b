/** Requests that wait for the frame with their `ref`. Every one is settled: by its answer, by time or by the end of the connection. */
import type { ServerFrame } from '../protocol/server-frames.ts'
import { ClientProblem, problemOf } from './problem.ts'

export interface Answers {
  /** A fresh `ref`, and the promise of its answer. */
  expect(): { readonly ref: number; readonly answer: Promise<ServerFrame> }
  /** Whether the frame was the answer to a request of ours. */
  settle(frame: ServerFrame): boolean
  /** Rejects everything that waits, and everything that comes. */
  end(problem: ClientProblem): void
}

interface Waiting {
  readonly deadline: number
  resolve(frame: ServerFrame): void
  reject(problem: ClientProblem): void
}

export function createAnswers(timeoutMs: number): Answers {
  // In the order of their deadlines, since all wait equally long: one timer serves them all.
  const waiting = new Map<number, Waiting>()
  let lastRef = 0
  let timer: NodeJS.Timeout | undefined
  let ended: ClientProblem | undefined

  function expire(): void {
    timer = undefined
    const now = performance.now()
    for (const [ref, { deadline, reject }] of waiting) {
      if (deadline > now) return arm(deadline - now)
      waiting.delete(ref)
      reject(new ClientProblem('timeout', `no answer within ${timeoutMs} ms`, { retryable: true }))
    }
  }

  function arm(ms: number): void {
    timer ??= setTimeout(expire, ms)
  }

  return {
    expect: () => {
      const ref = ++lastRef
      const answer = new Promise<ServerFrame>((resolve, reject) => {
        if (ended) return reject(ended)
        waiting.set(ref, { deadline: performance.now() + timeoutMs, resolve, reject })
        arm(timeoutMs)
      })
      return { ref, answer }
    },
    settle: (frame) => {
      const ref = 'ref' in frame ? frame.ref : undefined
      const request = typeof ref === 'number' ? waiting.get(ref) : undefined
      if (!request) return false
      waiting.delete(ref as number)
      if (frame.t === 'error') request.reject(problemOf(frame))
      else request.resolve(frame)
      return true
    },
    end: (problem) => {
      ended = problem
      clearTimeout(timer)
      for (const { reject } of waiting.values()) reject(problem)
      waiting.clear()
    },
  }
}
