/** Frames as a client makes them that has only read the protocol. */
import { createHash, randomBytes } from 'node:crypto'

// biome-ignore lint/suspicious/noExplicitAny: frames are read as a client would that knows no types of ours
export type Frame = Record<string, any>

export interface Sender {
  readonly userId: string
  readonly deviceId: string
}

export const textBody = (text: string): Frame => ({ kind: 'text', text })

/** A complete message with the right `messageId`. */
export function composeMessage({ userId, deviceId }: Sender, conversationId: string, body: Frame): Frame {
  const clientAt = Date.now()
  const nonce = randomBytes(16).toString('base64url')
  const content = { body, clientAt, conversationId, deviceId, nonce, senderId: userId }
  const messageId = createHash('sha256').update(canonical(content)).digest('hex')
  return { conversationId, messageId, nonce, clientAt, body }
}

/** RFC 8785: keys sorted by UTF-16, no spaces; strings and numbers as `JSON.stringify` writes them. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`
}
