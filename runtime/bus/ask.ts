/** A question over the bus and its answer, by correlation id and timeout. Asks once; whoever wants more asks again. */
import { randomUUID } from 'node:crypto'
import type { Bus } from './bus.ts'
import type { Question } from './messages.ts'

type Answered<Answer> =
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** Nobody answered in time: the node is gone, or the question or the answer was lost. */
  | { readonly kind: 'silent' }

export interface Asker {
  /** Publishes the question to the channel, with an id and a return address, and waits for the first answer. */
  ask<Answer extends object>(channel: string, question: object, timeoutMs: number): Promise<Answered<Answer>>
  /** Questions under way end as `silent`. */
  close(): Promise<void>
}

export async function createAsker(bus: Bus): Promise<Asker> {
  const replyTo = `reply.${randomUUID()}`
  const waiting = new Map<string, (reply: Answered<unknown>) => void>()
  const unsubscribe = await bus.subscribe(replyTo, (payload) => {
    const answer = JSON.parse(payload) as { readonly id: string }
    waiting.get(answer.id)?.({ kind: 'answered', answer })
  })
  return {
    async ask<Answer extends object>(channel: string, question: object, timeoutMs: number) {
      const id = randomUUID()
      const asked: Question = { ...question, id, replyTo }
      try {
        return await new Promise<Answered<Answer>>((resolve) => {
          const timer = setTimeout(() => resolve({ kind: 'silent' }), timeoutMs)
          waiting.set(id, (reply) => {
            clearTimeout(timer)
            // Our own processes are trusted to answer in the shape that `messages.ts` says.
            resolve(reply as Answered<Answer>)
          })
          bus.publish(channel, JSON.stringify(asked))
        })
      } finally {
        waiting.delete(id)
      }
    },
    async close() {
      for (const settle of waiting.values()) settle({ kind: 'silent' })
      await unsubscribe()
    },
  }
}

/** The other side: sends the answer back to whoever asked. */
export function answer(bus: Bus, { id, replyTo }: Question, reply: object): void {
  bus.publish(replyTo, JSON.stringify({ ...reply, id }))
}
