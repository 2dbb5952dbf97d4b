/** The HTTP side of the protocol for one person: conversations, history and receipts. Sends nothing over WebSocket. */
import type { ConversationId, Seq } from '../domain/ids.ts'
import type { Conversation, HistoryMessage, MessageInfo } from '../protocol/answers.ts'
import type { ErrorCode } from '../protocol/errors.ts'
import { ClientProblem } from './problem.ts'

/** All reject with a `ClientProblem`. */
export interface HttpClient {
  /** The one with this person, existing or new. */
  startDirect(other: string): Promise<Conversation>
  startGroup(members: readonly string[], title?: string): Promise<Conversation>
  addMembers(id: ConversationId, userIds: readonly string[]): Promise<Conversation>
  history(id: ConversationId, after: Seq, limit?: number): Promise<readonly HistoryMessage[]>
  receipts(id: ConversationId, seq: Seq): Promise<MessageInfo>
}

export interface HttpOptions {
  readonly url: string
  readonly token: string
  /** Default 10 s. */
  readonly timeoutMs?: number
}

export function createHttpClient({ url, token, timeoutMs = 10_000 }: HttpOptions): HttpClient {
  async function request<Answer>(method: 'GET' | 'POST', path: string, body?: object): Promise<Answer> {
    let response: Response
    try {
      response = await fetch(new URL(path, url), {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      })
    } catch (cause) {
      const code = (cause as { name?: string }).name === 'TimeoutError' ? 'timeout' : 'unreachable'
      throw new ClientProblem(code, `${method} ${path}: ${String(cause)}`, { retryable: true, cause })
    }
    const answer: unknown = await response.json()
    if (!response.ok) throw problemFrom(response, answer as Problem)
    return answer as Answer
  }

  const conversation = (id: ConversationId) => `/v1/conversations/${id}`

  return {
    startDirect: (other) => request('POST', '/v1/conversations', { kind: 'direct', members: [other] }),
    startGroup: (members, title) => request('POST', '/v1/conversations', { kind: 'group', members, title }),
    addMembers: (id, userIds) => request('POST', `${conversation(id)}/members`, { userIds }),
    history: async (id, after, limit = 50) =>
      (
        await request<{ messages: HistoryMessage[] }>(
          'GET',
          `${conversation(id)}/messages?after=${after}&limit=${limit}`,
        )
      ).messages,
    receipts: (id, seq) => request('GET', `${conversation(id)}/messages/${seq}/receipts`),
  }
}

/** RFC 9457, with the code of our catalogue. */
interface Problem {
  readonly code: ErrorCode
  readonly detail?: string
  readonly title?: string
}

function problemFrom(response: Response, { code, detail, title }: Problem): ClientProblem {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return new ClientProblem(code ?? 'unavailable', detail ?? title ?? `HTTP ${response.status}`, {
    retryable: response.status === 429 || response.status >= 500,
    ...(Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {}),
  })
}
