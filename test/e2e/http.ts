/** What people ask over HTTP, written from `protocol.md` alone. */
import type { Frame } from '../support/chat.ts'

export type TokenFor = (userId: string) => Promise<string>

export interface Caller {
  call(userId: string, method: string, path: string, body?: object): Promise<Frame>
  /** Starts a conversation and answers its id. */
  begin(by: string, kind: 'direct' | 'group', members: readonly string[]): Promise<string>
  /** All messages of a conversation, oldest first. */
  history(userId: string, conversationId: string): Promise<Frame[]>
}

const PAGE = 200

export function createCaller(url: string, tokenFor: TokenFor): Caller {
  async function call(userId: string, method: string, path: string, body?: object): Promise<Frame> {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await tokenFor(userId)}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? {} : JSON.parse(text)
  }
  return {
    call,
    begin: async (by, kind, members) =>
      (await call(by, 'POST', '/v1/conversations', { kind, members })).conversationId,
    async history(userId, conversationId) {
      const all: Frame[] = []
      for (;;) {
        const after = all.at(-1)?.seq ?? 0
        const query = `after=${after}&limit=${PAGE}`
        const { messages } = await call(
          userId,
          'GET',
          `/v1/conversations/${conversationId}/messages?${query}`,
        )
        const page = (messages as Frame[]).toSorted((a, b) => a.seq - b.seq)
        all.push(...page)
        if (page.length < PAGE) return all
      }
    },
  }
}
