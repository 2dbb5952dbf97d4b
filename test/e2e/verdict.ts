/** What clients saw against what the ledger holds: nothing lost, nothing doubled, nothing out of order. */
import { expect } from 'vitest'
import type { Frame } from '../support/chat.ts'
import type { Deployment } from './deployment.ts'
import type { Caller } from './http.ts'
import type { Person } from './person.ts'
import { until } from './until.ts'

/**
 * Waits until everybody has everything, then compares. For conversations whose members were all there from the beginning.
 * @param nodes whose history is asked.
 * @returns the events of the conversation.
 */
export async function expectNothingLost(
  deployment: Deployment,
  conversationId: string,
  people: readonly Person[],
  nodes: readonly Caller[] = deployment.callers,
): Promise<readonly Frame[]> {
  const answered = people.flatMap(({ sent }) =>
    sent.filter(({ frame }) => frame.conversationId === conversationId),
  )
  const count = answered.length

  // 1. Everybody has every message that is not of their own device, and everybody knows it of everybody.
  const others = (person: Person) =>
    answered.filter(({ frame }) => !person.sent.some((own) => own.frame === frame))
  await until(
    'everybody has everything',
    () => people.every((person) => person.received(conversationId).length >= others(person).length),
    { instead: () => people.map((person) => [person.userId, person.received(conversationId).length]) },
  )
  for (const person of people) {
    const expected = others(person).map(({ answer }) => answer.seq as number)
    expect(person.received(conversationId).map(({ seq }) => seq)).toEqual(expected.sort((a, b) => a - b))
    expect(person.problems).toEqual([])
  }

  // 2. The ledger holds each answered message once, under the seq that was answered, and none besides.
  const events = await deployment.events(conversationId)
  const recorded = events
    .filter(({ type }) => type === 'MessageSent')
    .map(({ data }) => [data.seq, data.messageId])
  const promised = answered.map(({ answer }) => [answer.seq, answer.messageId])
  expect(recorded).toEqual(promised.sort(([a], [b]) => a - b))
  expect(recorded.map(([seq]) => seq)).toEqual(Array.from({ length: count }, (_, index) => index + 1))
  expectWholeChains(events)

  // 3. The history says the same, to everybody.
  for (const [index, person] of people.entries()) {
    const caller = nodes[index % nodes.length] as Caller
    const history = await caller.history(person.userId, conversationId)
    expect(history.map(({ seq, messageId }) => [seq, messageId])).toEqual(recorded)
  }
  return events
}

/** Each event names the one before it, in both streams, whichever node wrote it. */
export function expectWholeChains(events: readonly Frame[]): void {
  const last = new Map<string, Frame>()
  for (const event of events) {
    const before = last.get(event.stream)
    expect(event.revision).toBe(before === undefined ? 0 : before.revision + 1)
    expect(event.metadata.prevHash).toBe(before?.metadata.hash ?? '0'.repeat(64))
    last.set(event.stream, event)
  }
}

/** Each sender sees that everybody else has read their last message: three lives, all recorded, all told. */
export async function expectAllRead(conversationId: string, people: readonly Person[]): Promise<void> {
  for (const sender of people) {
    const own = sender.sent.filter(({ frame }) => frame.conversationId === conversationId)
    const last = Math.max(0, ...own.map(({ answer }) => answer.seq as number))
    for (const reader of people.filter(({ userId }) => userId !== sender.userId)) {
      await until(
        `${sender.userId} sees that ${reader.userId} has read ${last}`,
        () => sender.watermarks(conversationId, reader.userId).read >= last,
        { instead: () => sender.watermarks(conversationId, reader.userId) },
      )
    }
  }
}
