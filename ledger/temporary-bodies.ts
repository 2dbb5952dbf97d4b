/**
 * Temporary bodies, kept beside the ledger until they are due: sealed like any other, in a Postgres table of their own,
 * whichever ledger is used. Owns keeping them and taking them back; when one is due is the retention worker's to know, and who
 * may read one the queries'.
 */
import type pg from 'pg'
import type { SealedBody } from '../domain/body.ts'
import type { ConversationId, MessageId, Seq, UserId } from '../domain/ids.ts'
import type { Temporary } from '../domain/retention.ts'
import { coalesce } from '../runtime/coalesce.ts'

export interface TemporaryBody {
  readonly conversationId: ConversationId
  readonly messageId: MessageId
  readonly seq: Seq
  readonly senderId: UserId
  readonly temporary: Temporary
  readonly body: Required<SealedBody>
}

/** One of perhaps several that were made of a message. */
export interface Sealing {
  readonly messageId: MessageId
  readonly hash: string
}

export interface TemporaryBodies {
  /** Durable once it resolves; its message is appended only then. */
  keep(body: TemporaryBody): Promise<void>
  /** Takes back what was sealed for an append that was not written. */
  takeBack(conversationId: ConversationId, sealings: readonly Sealing[]): Promise<void>
  /** Destroys whatever was sealed for this message: it was deleted. */
  destroy(conversationId: ConversationId, messageId: MessageId): Promise<void>
}

const KEEP = `
  INSERT INTO ledger.temporary_bodies
    (conversation_id, message_id, body_hash, seq, sender_id, until_delivered, expires_at, sealed)
  SELECT conversation_id, decode(message_id, 'hex'), decode(body_hash, 'hex'), seq, sender_id, until_delivered, expires_at,
    decode(sealed, 'base64')
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::boolean[], $7::bigint[], $8::text[])
    AS kept (conversation_id, message_id, body_hash, seq, sender_id, until_delivered, expires_at, sealed)`

const TAKE_BACK = `
  DELETE FROM ledger.temporary_bodies b USING unnest($2::text[], $3::text[]) AS sealing (message_id, hash)
  WHERE b.conversation_id = $1 AND b.message_id = decode(sealing.message_id, 'hex')
    AND b.body_hash = decode(sealing.hash, 'hex')`

const DESTROY =
  "DELETE FROM ledger.temporary_bodies WHERE conversation_id = $1 AND message_id = decode($2, 'hex')"

/** Bodies of one statement: at most 64 KiB each. */
const KEPT_AT_ONCE = 250

export function createTemporaryBodies(pool: pg.Pool): TemporaryBodies {
  const keeping = coalesce<TemporaryBody, void>(KEPT_AT_ONCE, async (bodies) => {
    const values = [
      bodies.map(({ conversationId }) => conversationId),
      bodies.map(({ messageId }) => messageId),
      bodies.map(({ body }) => body.hash),
      bodies.map(({ seq }) => seq),
      bodies.map(({ senderId }) => senderId),
      bodies.map(({ temporary }) => temporary.mode === 'until-delivered'),
      bodies.map(({ temporary }) => temporary.expiresAt),
      bodies.map(({ body }) => body.bytes),
    ]
    await pool.query({ name: 'temporary-bodies-keep', text: KEEP, values })
  })

  return {
    keep: (body) => keeping.add(body),
    takeBack: async (conversationId, sealings) => {
      await pool.query({
        name: 'temporary-bodies-take-back',
        text: TAKE_BACK,
        values: [
          conversationId,
          sealings.map(({ messageId }) => messageId),
          sealings.map(({ hash }) => hash),
        ],
      })
    },
    destroy: async (conversationId, messageId) => {
      await pool.query({
        name: 'temporary-body-destroy',
        text: DESTROY,
        values: [conversationId, messageId],
      })
    },
  }
}
