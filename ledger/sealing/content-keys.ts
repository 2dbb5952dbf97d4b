/**
 * The data keys of conversations and senders: made on first use, kept in Postgres wrapped by the master key (AES-256-GCM),
 * never in the ledger. A key is durable before anything is sealed with it. Destroying its row destroys the words.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type pg from 'pg'
import type { ConversationId, UserId } from '../../domain/ids.ts'

export interface ContentKeys {
  /** The key if it is in memory: spares the common case a turn of the event loop. */
  cached(conversationId: ConversationId, senderId: UserId): Buffer | undefined
  /** The key to seal with, made if there is none. */
  ensure(conversationId: ConversationId, senderId: UserId): Promise<Buffer>
  /** The keys to unseal with; a pair without a key (never made, or destroyed) is absent. */
  find(conversationId: ConversationId, senderIds: readonly UserId[]): Promise<ReadonlyMap<UserId, Buffer>>
}

/** About 200 bytes each. Short-lived, so that a destroyed key is gone from memory within a minute. */
const CACHED_KEYS = 50_000
const CACHED_MS = 60_000

/** Keeps the key that was there first: whoever loses the race uses the winner's. */
const ENSURE = `WITH made AS (
  INSERT INTO ledger.content_keys (conversation_id, sender_id, wrapped_key) VALUES ($1, $2, $3)
  ON CONFLICT DO NOTHING RETURNING wrapped_key
) SELECT wrapped_key FROM made UNION ALL
  SELECT wrapped_key FROM ledger.content_keys WHERE conversation_id = $1 AND sender_id = $2`

/** The wrapped keys of some senders of a conversation. */
const FIND =
  'SELECT sender_id, wrapped_key FROM ledger.content_keys WHERE conversation_id = $1 AND sender_id = ANY ($2)'

export function createContentKeys(pool: pg.Pool, masterKey: Buffer): ContentKeys {
  const cache = new LRUCache<string, Buffer>({ max: CACHED_KEYS, ttl: CACHED_MS })
  const nameOf = (conversationId: ConversationId, senderId: UserId) => `${conversationId} ${senderId}`

  function remember(conversationId: ConversationId, senderId: UserId, wrapped: Buffer): Buffer {
    const name = nameOf(conversationId, senderId)
    const key = unwrap(masterKey, name, wrapped)
    cache.set(name, key)
    return key
  }

  async function ensure(conversationId: ConversationId, senderId: UserId): Promise<Buffer> {
    const wrapped = wrap(masterKey, nameOf(conversationId, senderId), randomBytes(32))
    // A row that another transaction just made is invisible to this statement's snapshot: ask once more.
    for (let attempt = 0; attempt < 2; attempt++) {
      const { rows } = await pool.query<{ wrapped_key: Buffer }>({
        name: 'content-key-ensure',
        text: ENSURE,
        values: [conversationId, senderId, wrapped],
      })
      if (rows[0]) return remember(conversationId, senderId, rows[0].wrapped_key)
    }
    throw new Error('a content key was neither made nor found')
  }

  return {
    cached: (conversationId, senderId) => cache.get(nameOf(conversationId, senderId)),
    ensure: async (conversationId, senderId) =>
      cache.get(nameOf(conversationId, senderId)) ?? ensure(conversationId, senderId),
    find: async (conversationId, senderIds) => {
      const keys = new Map<UserId, Buffer>()
      const missing: UserId[] = []
      for (const senderId of new Set(senderIds)) {
        const key = cache.get(nameOf(conversationId, senderId))
        if (key) keys.set(senderId, key)
        else missing.push(senderId)
      }
      if (missing.length === 0) return keys
      const { rows } = await pool.query<{ sender_id: UserId; wrapped_key: Buffer }>({
        name: 'content-key-find',
        text: FIND,
        values: [conversationId, missing],
      })
      for (const row of rows)
        keys.set(row.sender_id, remember(conversationId, row.sender_id, row.wrapped_key))
      return keys
    },
  }
}

/** nonce (12 bytes) ‖ ciphertext (32) ‖ tag (16), bound to whose key it is. */
function wrap(masterKey: Buffer, name: string, key: Buffer): Buffer {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', masterKey, nonce).setAAD(Buffer.from(name))
  const wrapped = Buffer.concat([cipher.update(key), cipher.final()])
  return Buffer.concat([nonce, wrapped, cipher.getAuthTag()])
}

function unwrap(masterKey: Buffer, name: string, wrapped: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', masterKey, wrapped.subarray(0, 12))
  decipher.setAAD(Buffer.from(name)).setAuthTag(wrapped.subarray(-16))
  try {
    return Buffer.concat([decipher.update(wrapped.subarray(12, -16)), decipher.final()])
  } catch {
    throw new Error(
      'a content key does not open with this master key: is TRIPTICK_MASTER_KEY the one it was made with?',
    )
  }
}
