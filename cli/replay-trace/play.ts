/** Plays a trace on a system in its own time or faster, and ends when everybody has seen everything, or no more comes. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createHttpClient } from '../../client/http.ts'
import type { ConversationId, MessageId } from '../../domain/ids.ts'
import type { System } from '../system/system.ts'
import { type Actor, createActor } from './actor.ts'
import { attend } from './attendance.ts'
import { comeHome } from './come-home.ts'
import { createGate } from './gate.ts'
import type { Played, SentMessage } from './played.ts'
import type { Faults } from './thread.ts'
import type { Trace, TraceMessage } from './trace.ts'

export interface PlayOptions {
  readonly system: System
  readonly trace: Trace
  /** Seconds of the trace in one of ours; `max`: as fast as the answers come. */
  readonly speed: number | 'max'
  /** Names the people of this run, so that runs on one system do not meet. */
  readonly run: string
  readonly signal: AbortSignal
}

/** More at a time gain nothing on two cores; fewer keep the trace's order. */
const SENDS_AT_ONCE = 256
const COMING_AT_ONCE = 32
/** How long people take to read what has come, in seconds of the trace. */
const READING = { from: 2, to: 20 }
const MAX_PROBLEMS = 10

/** A minute is long enough to watch and short enough to wait for. */
export const usualSpeed = ({ messages }: Trace): number => Math.max(1, (messages.at(-1)?.at ?? 0) / 60)

export function play(options: PlayOptions): { readonly played: Played; readonly done: Promise<void> } {
  const { system, trace, speed, run, signal } = options
  const pace = speed === 'max' ? usualSpeed(trace) : speed
  const idOf = (person: number) => `${run}.${person}`
  const tokens = new Map<number, Promise<string>>()
  const textOf = new Map<MessageId, string>()
  const sent = new Map<number, SentMessage>()
  const faults: Faults = { doubled: 0, outOfOrder: 0 }
  const conversations = new Map<string, Promise<ConversationId>>()

  const broken = (error: unknown): void => {
    if (played.problems.length < MAX_PROBLEMS) played.problems.push(String(error))
  }

  const played: Played = {
    trace,
    people: trace.people.map((_, person) =>
      createActor({
        userId: idOf(person),
        url: system.url,
        token: () => tokenOf(person),
        faults,
        readingMs: () => ((READING.from + Math.random() * (READING.to - READING.from)) * 1000) / pace,
        onMessage: ({ messageId, body }) => {
          played.arrived++
          const expected = textOf.get(messageId)
          if (body?.kind !== 'text' || body.text !== expected) played.altered++
        },
        onBroken: broken,
      }),
    ),
    faults,
    sent,
    arrived: 0,
    altered: 0,
    problems: [],
  }

  /** People come and go often; their token stays. */
  function tokenOf(person: number): Promise<string> {
    const token = tokens.get(person) ?? system.tokenFor(idOf(person))
    tokens.set(person, token)
    return token
  }

  /** Started by whoever writes first. */
  function conversationOf({ from, to }: TraceMessage): Promise<ConversationId> {
    const key = to === undefined ? 'group' : [from, to].sort((a, b) => a - b).join()
    const conversation = conversations.get(key) ?? start(from, to)
    conversations.set(key, conversation)
    return conversation
  }

  async function start(from: number, to: number | undefined): Promise<ConversationId> {
    const token = await tokenOf(from)
    const http = createHttpClient({ url: system.url, token, timeoutMs: 60_000 })
    const everybody = trace.people.map((_, person) => idOf(person))
    const started =
      to === undefined ? await http.startGroup(everybody, 'Replay') : await http.startDirect(idOf(to))
    return started.conversationId
  }

  async function send(index: number): Promise<void> {
    const message = trace.messages[index] as TraceMessage
    const written = (played.people[message.from] as Actor).write(
      conversationOf(message),
      message.text,
      (composed) => textOf.set(composed.messageId, message.text),
    )
    try {
      const { conversationId, messageId, seq } = await written
      sent.set(index, { conversationId, messageId, seq })
    } catch (error) {
      broken(error)
    }
  }

  async function perform(): Promise<void> {
    const sending = createGate(SENDS_AT_ONCE)
    const coming = createGate(COMING_AT_ONCE)
    const began = performance.now()
    for (const action of attend(trace, pace)) {
      if (speed !== 'max') await until(began + (action.at / pace) * 1000)
      if (signal.aborted) return
      if (action.kind === 'send') await sending.enter(() => send(action.message))
      else if (action.kind === 'come')
        await coming.enter(() => (played.people[action.person] as Actor).come())
      else (played.people[action.person] as Actor).go()
    }
    await Promise.all([sending.empty(), coming.empty()])
    await comeHome(played, COMING_AT_ONCE, signal)
  }

  return { played, done: perform() }
}

async function until(time: number): Promise<void> {
  const ms = time - performance.now()
  if (ms > 0) await sleep(ms)
}
