/** A system whose search is asked, for the tests in this folder: people who talk, and what they find. */
import pg from 'pg'
import { afterAll, beforeAll, expect } from 'vitest'
import {
  begin,
  type Chat,
  call,
  createCast,
  type Frame,
  join,
  messageIdOf,
  textFrame,
} from '../../support/chat.ts'
import { type System, startSystem } from '../../support/system.ts'

export interface SearchScene {
  readonly system: () => System
  readonly url: () => string
  /** Ids of people who are nobody else. */
  readonly cast: (...names: string[]) => string[]
  /** Once the index has everything: on a busy machine that takes longer than the server waits for it. */
  search(userId: string, q: string, more?: Record<string, string>): Promise<Frame>
  /** The texts that were found. */
  found(userId: string, q: string, more?: Record<string, string>): Promise<string[]>
  /** A page of mentions, once the index has everything. */
  mentionsPage(userId: string, more?: Record<string, string>): Promise<Frame>
  mentions(userId: string): Promise<string[]>
  /** Two people who have said these things to each other. */
  talk(...texts: string[]): Promise<{ ann: Chat; bob: string; conversationId: string }>
  query(text: string, values: unknown[]): Promise<{ rows: Record<string, unknown>[] }>
}

/** Runs from before the first test of the file to after its last. */
export function createSearchScene(): SearchScene {
  let system: System
  beforeAll(async () => {
    system = await startSystem()
  })
  // Undefined where the start has failed: that is the error to be seen.
  afterAll(() => (system as System | undefined)?.stop())
  const url = () => system.urls[0] as string
  const cast = createCast()

  async function upToDate(userId: string, path: string, query: Record<string, string>): Promise<Frame> {
    let answer: Frame = {}
    const ask = async () => {
      answer = await call(url(), userId, 'GET', `${path}?${new URLSearchParams(query)}`)
      expect(answer.status, JSON.stringify(answer.body)).toBe(200)
      return answer.body.upToDate
    }
    await expect.poll(ask, { timeout: 20_000 }).toBe(true)
    return answer.body
  }
  const search: SearchScene['search'] = (userId, q, more) => upToDate(userId, '/v1/search', { q, ...more })
  const mentionsPage: SearchScene['mentionsPage'] = (userId, more = {}) =>
    upToDate(userId, '/v1/mentions', more)

  return {
    system: () => system,
    url,
    cast,
    search,
    found: async (userId, q, more) =>
      (await search(userId, q, more)).results.map((result: Frame) => result.body.text ?? result.body.caption),
    mentionsPage,
    mentions: async (userId) =>
      (await mentionsPage(userId)).mentions.map((message: Frame) => message.body.text),
    async talk(...texts) {
      const [annId, bob] = cast('ann', 'bob') as [string, string]
      const ann = await join(url(), annId)
      const conversationId = await begin(url(), annId, 'direct', [annId, bob])
      for (const text of texts) await ann.say(conversationId, text)
      return { ann, bob, conversationId }
    },
    async query(text, values) {
      const client = new pg.Client({ connectionString: system.database.url })
      await client.connect()
      try {
        return await client.query(text, values)
      } finally {
        await client.end()
      }
    },
  }
}

export function sendBody(chat: Chat, conversationId: string, body: object): Promise<Frame> {
  const frame = textFrame(chat, conversationId, 'x')
  const content = {
    body,
    clientAt: frame.clientAt,
    conversationId,
    deviceId: chat.deviceId,
    nonce: frame.nonce,
    senderId: chat.userId,
  }
  chat.send({ ...frame, body, messageId: messageIdOf(content) })
  return chat.get({ t: 'sent', ref: frame.ref })
}
