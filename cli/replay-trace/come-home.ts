/** The end of a replay: everybody comes once more, gets what they missed, reads it, and learns who has read theirs. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConversationId, UserId } from '../../domain/ids.ts'
import type { Actor } from './actor.ts'
import { createGate } from './gate.ts'
import type { Played } from './played.ts'
import { leastOf, recipientsOf } from './ticks.ts'

/** Not more sockets at a time; larger crowds come home in turns. */
const MAX_SOCKETS = 1500
/** Nothing new for so long means that nothing more comes. */
const SILENCE_MS = 15_000
const LOOK_MS = 100

export async function comeHome(played: Played, comingAtOnce: number, signal: AbortSignal): Promise<void> {
  const { people } = played
  const coming = createGate(comingAtOnce)
  const crowded = people.length > MAX_SOCKETS
  const expectations = lastOwnMessages(played)
  // In turns, the first miss the receipts of the last: so everybody comes twice.
  for (let round = 0; round < (crowded ? 2 : 1); round++) {
    for (let from = 0; from < people.length; from += MAX_SOCKETS) {
      const here = new Set(people.slice(from, from + MAX_SOCKETS))
      for (const actor of people) if (!here.has(actor)) actor.go()
      for (const actor of here) await coming.enter(() => actor.come())
      await coming.empty()
      await untilQuiet(played, expectations, signal)
    }
  }
  await Promise.all(people.map((actor) => actor.go()))
}

interface Expectation {
  readonly actor: Actor
  readonly conversationId: ConversationId
  readonly others: readonly UserId[]
  /** The sender's last message: when it is read, all are. */
  seq: number
}

function lastOwnMessages({ trace, people, sent }: Played): Expectation[] {
  const last = new Map<string, Expectation>()
  for (const [index, { conversationId, seq }] of sent) {
    const message = trace.messages[index]
    const actor = people[message?.from ?? -1]
    if (!message || !actor) continue
    const key = `${conversationId} ${message.from}`
    const others = last.get(key)?.others ?? recipientsOf(trace, people, message.from, message.to)
    last.set(key, { actor, conversationId, others, seq: Math.max(seq, last.get(key)?.seq ?? 0) })
  }
  return [...last.values()]
}

async function untilQuiet(
  { people }: Played,
  expectations: readonly Expectation[],
  signal: AbortSignal,
): Promise<void> {
  let before = -1
  let since = performance.now()
  while (!signal.aborted && performance.now() - since < SILENCE_MS) {
    if (
      expectations.every(
        ({ actor, conversationId, others, seq }) => leastOf(actor, conversationId, others).read >= seq,
      )
    )
      return
    const now = seenBy(people)
    if (now !== before) since = performance.now()
    before = now
    await sleep(LOOK_MS)
  }
}

/** Everything that all clients have seen, as one number that only grows. */
function seenBy(people: readonly Actor[]): number {
  let sum = 0
  for (const { threads } of people) {
    for (const { count, others } of threads.values()) {
      sum += count
      for (const { delivered, read } of others.values()) sum += delivered + read
    }
  }
  return sum
}
