/** People who know each other from a long past, all online: they send one message at a time, and read their inboxes. */
import { Agent, request } from 'node:http'
import type { WebSocket } from 'ws'
import { compose } from '../../client/message-id.ts'
import type { ConversationId, DeviceId, UserId } from '../../domain/ids.ts'
import { type Heard, inTurns, openSocket, type Person } from '../crowd/socket.ts'

export interface Circle {
  /** Conversations between these people. */
  readonly size: number
  /** One more message in one of them. Milliseconds until it was `sent`, and until its sender knew that it had arrived. */
  send(conversation: number): Promise<{ readonly sentMs: number; readonly deliveredMs: number }>
  /** Milliseconds of one inbox. */
  readInbox(person: number): Promise<number>
  /** Milliseconds of each first inbox, before anything of these people was in memory. */
  readonly firstInboxMs: readonly number[]
  readonly counted: Counted
  leave(): Promise<void>
}

export interface Counted {
  lost: number
  doubled: number
  outOfOrder: number
  wrongInboxes: number
}

interface Talk {
  readonly conversationId: ConversationId
  readonly writer: number
  lastSeq: number
  /** Of the other person. */
  heardSeq: number
}

interface Inbox {
  readonly conversations: readonly {
    readonly conversationId: ConversationId
    readonly lastMessage: { readonly seq: number; readonly body?: unknown } | null
  }[]
}

const CONNECTING_AT_ONCE = 5
/** A message that has not arrived by then is lost. */
const LIMIT_MS = 30_000
const BODY = { kind: 'text' as const, text: 'x'.repeat(100) }

export async function meet(url: string, people: readonly Person[]): Promise<Circle> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const counted: Counted = { lost: 0, doubled: 0, outOfOrder: 0, wrongInboxes: 0 }
  const talks = new Map<ConversationId, Talk>()
  const firstInboxMs: number[] = []
  for (const [index, { token }] of people.entries()) {
    const { conversations, ms } = await inbox(url, token, agent)
    firstInboxMs.push(ms)
    judgeInbox(conversations)
    for (const { conversationId, lastMessage } of conversations) {
      const lastSeq = lastMessage?.seq ?? 0
      if (!talks.has(conversationId))
        talks.set(conversationId, { conversationId, writer: index, lastSeq, heardSeq: lastSeq })
    }
  }
  const inOrder = [...talks.values()]
  let ref = 0
  let onSent: (frame: Heard) => void = () => {}
  let onDelivered: () => void = () => {}
  let underWay: Talk | undefined

  function judgeInbox(conversations: Inbox['conversations']): void {
    const whole = conversations.every(({ lastMessage }) => lastMessage?.body !== undefined)
    if (!whole || conversations.length !== people.length - 1) counted.wrongInboxes++
  }

  function hear(frames: readonly Heard[], socket: WebSocket): void {
    for (const frame of frames) {
      const { t, conversationId, seq = 0, kind, upTo = 0 } = frame
      if ((t === 'sent' || t === 'error') && frame.ref === ref) onSent(frame)
      if (!underWay || conversationId !== underWay.conversationId) continue
      if (t === 'receipt' && kind === 'delivered' && upTo >= underWay.lastSeq) onDelivered()
      if (t !== 'message') continue
      if (seq <= underWay.heardSeq) counted.doubled++
      else if (seq > underWay.heardSeq + 1) counted.outOfOrder++
      underWay.heardSeq = Math.max(underWay.heardSeq, seq)
      socket.send(`{"t":"delivered","conversationId":"${conversationId}","upTo":${seq}}`)
    }
  }

  const sockets: WebSocket[] = []
  await inTurns(people, CONNECTING_AT_ONCE, async (person, index) => {
    sockets[index] = await openSocket(url, person, hear)
  })

  async function send(conversation: number) {
    const talk = inOrder[conversation % inOrder.length] as Talk
    const { userId } = people[talk.writer] as Person
    const message = compose(
      { userId: userId as UserId, deviceId: 'default' as DeviceId },
      talk.conversationId,
      BODY,
    )
    const sent = new Promise<Heard>((resolve) => {
      onSent = resolve
    })
    const delivered = new Promise<void>((resolve) => {
      onDelivered = resolve
    })
    underWay = talk
    talk.lastSeq++
    const frame = JSON.stringify({ t: 'send', ref: ++ref, ...message })
    const began = performance.now()
    sockets[talk.writer]?.send(frame)
    const { t, seq, code } = await inTime(sent, 'an answer to a send')
    const sentMs = performance.now() - began
    if (t === 'error') throw new Error(`the server answered ${code}`)
    if (seq !== talk.lastSeq) counted.outOfOrder++
    await inTime(delivered, 'the receipt of a message').catch(() => counted.lost++)
    return { sentMs, deliveredMs: performance.now() - began }
  }

  return {
    size: inOrder.length,
    send,
    readInbox: async (person) => {
      const { token } = people[person % people.length] as Person
      const { conversations, ms } = await inbox(url, token, agent)
      judgeInbox(conversations)
      return ms
    },
    firstInboxMs,
    counted,
    leave: async () => {
      for (const socket of sockets) socket.removeAllListeners('close').terminate()
      agent.destroy()
    },
  }
}

async function inTime<T>(coming: Promise<T>, what: string): Promise<T> {
  let limit: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    limit = setTimeout(() => reject(new Error(`${what} did not come`)), LIMIT_MS)
  })
  return await Promise.race([coming, late]).finally(() => clearTimeout(limit))
}

/** Node's own client on one connection: `fetch` would add half a millisecond of its own to every size alike, and flatter the ratio. */
function inbox(url: string, token: string, agent: Agent): Promise<Inbox & { readonly ms: number }> {
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/v1/inbox`, { agent, headers: { authorization: `Bearer ${token}` } })
    asked.on('error', reject)
    asked.on('response', async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      const ms = performance.now() - began
      const text = Buffer.concat(chunks).toString()
      if (response.statusCode === 200) resolve({ ...(JSON.parse(text) as Inbox), ms })
      else reject(new Error(`the inbox answered ${response.statusCode}: ${text}`))
    })
    asked.end()
  })
}
