/**
 * Who is online when: a person comes a little before they write and stays a while after; whoever only gets messages looks in
 * within a day. Pure, and the same for the same trace and speed.
 */
import type { Trace } from './trace.ts'

export type Action =
  | { readonly kind: 'come' | 'go'; readonly at: number; readonly person: number }
  /** Index of the message in the trace. */
  | { readonly kind: 'send'; readonly at: number; readonly message: number }

const HOUR = 3600
const DAY = 24 * HOUR
const LEAD = 60

/**
 * Spans of the trace's time (s), or of ours (s) times the speed, whichever is longer: at 300,000 times the speed half an hour
 * is 6 ms, and nobody connects and leaves that quickly.
 */
const STAYS = { trace: 5 * 60, ours: 0.25 }
const LEAVES_IF_QUIET_FOR = { trace: 30 * 60, ours: 1.5 }

/** In the order of time. @param speed seconds of the trace in one of ours. */
export function attend(trace: Trace, speed: number): Action[] {
  const stays = Math.max(STAYS.trace, STAYS.ours * speed)
  const quiet = Math.max(LEAVES_IF_QUIET_FOR.trace, LEAVES_IF_QUIET_FOR.ours * speed)
  const actions: Action[] = trace.messages.map(({ at }, message) => ({ kind: 'send', at, message }))
  for (const [person, active] of activity(trace).entries()) {
    let from: number | undefined
    for (const [index, at] of active.entries()) {
      from ??= at
      const next = active[index + 1]
      if (next !== undefined && next - at <= quiet) continue
      actions.push(
        { kind: 'come', at: Math.max(0, from - LEAD), person },
        { kind: 'go', at: at + stays, person },
      )
      from = undefined
    }
  }
  return actions.sort((a, b) => a.at - b.at || ORDER[a.kind] - ORDER[b.kind])
}

/** At the same moment: first come, then send, then go. */
const ORDER = { come: 0, send: 1, go: 2 } as const

/** When each person does something: writes, or looks in because of a message that came meanwhile. */
function activity({ people, messages }: Trace): number[][] {
  const active = people.map(() => [] as number[])
  for (const { at, from } of messages) active[from]?.push(at)
  const next = people.map(() => 0)
  const visits = people.map(() => [] as number[])
  for (const [index, { at, to }] of messages.entries()) {
    if (to === undefined) continue
    const own = active[to] ?? []
    while ((own[next[to] ?? 0] ?? Number.POSITIVE_INFINITY) < at) next[to] = (next[to] ?? 0) + 1
    const writes = own[next[to] ?? 0] ?? Number.POSITIVE_INFINITY
    const visit = visits[to]?.at(-1) ?? Number.NEGATIVE_INFINITY
    if (writes - at > DAY && visit < at) visits[to]?.push(at + HOUR + scatter(index) * 23 * HOUR)
  }
  return active.map((own, person) => [...own, ...(visits[person] ?? [])].sort((a, b) => a - b))
}

/** From 0 to 1, the same for the same number (Knuth's multiplicative hash). */
const scatter = (number: number): number => ((number * 2_654_435_761) % 2 ** 32) / 2 ** 32
