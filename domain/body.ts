/** What a message says. The domain carries bodies and never looks into them; `protocol/` validates them. */
import type { MessageId } from './ids.ts'

interface Reply {
  readonly replyTo?: MessageId
}

export type Body = Reply &
  (
    | { readonly kind: 'text'; readonly text: string }
    | {
        readonly kind: 'media'
        readonly mediaId: string
        readonly name: string
        readonly mime: string
        readonly size: number
        readonly caption?: string
        readonly width?: number
        readonly height?: number
      }
    /** End-to-end encrypted by the clients; no server code can open it. */
    | { readonly kind: 'sealed'; readonly suite: string; readonly data: string }
  )

/** A body as the ledger keeps it: encrypted at rest, and committed to by hash, so that the hash outlives the bytes. */
export interface SealedBody {
  /** Lowercase hex SHA-256 of the sealed bytes. */
  readonly hash: string
  /** The sealed bytes in base64; absent where the body is not (or no longer) in the ledger. */
  readonly bytes?: string
}
