/**
 * The data keys of conversations and senders: made on first use, kept in Postgres wrapped by the master key (AES-256-GCM),
 * never in the ledger. A key is durable before anything is sealed with it. Destroying its row destroys the words.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type pg from 'pg'
import type { ConversationId, UserId } from '../../domain/ids.ts'
import { coalesce } from '../../runtime/coalesce.ts'

export interface ContentKeys {
  /** The key if it is in memory: spares the common case a turn of the event loop. */
  cached(conversationId: ConversationId, senderId: UserId): Buffer | undefined
  /** The key to seal with, made if there is none. */
  ensure(conversationId: ConversationId, senderId: UserId): Promise<Buffer>
  /** The keys to unseal with; whoever has none (never made, or destroyed) is absent. */
  find(owners: Iterable<KeyOwner>): Promise<FoundKeys>
}

/** A sender in a conversation. */
export interface KeyOwner {
  readonly conversationId: ConversationId
  readonly senderId: UserId
}

export interface FoundKeys {
  of(owner: KeyOwner): Buffer | undefined
}

/** About 200 bytes each. Short-lived, so that a destroyed key is gone from memory within a minute. */
const CACHED_KEYS = 50_000
const CACHED_MS = 60_000

/** Keeps the keys that were there first: whoever loses the race uses the winner's. */
const MAKE = `INSERT INTO ledger.content_keys (conversation_id, sender_id, wrapped_key)
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[]) ON CONFLICT DO NOTHING`

/** What stands now; a statement of its own, because the one before does not see what it lost the race to. */
const STANDING = `SELECT conversation_id, sender_id, wrapped_key FROM ledger.content_keys
  JOIN unnest($1::uuid[], $2::text[]) AS asked (conversation_id, sender_id) USING (conversation_id, sender_id)`

/** Keys made by one statement. */
const MADE_AT_ONCE = 500

interface KeyRow {
  readonly conversation_id: ConversationId
  readonly sender_id: UserId
  readonly wrapped_key: Buffer
}

const nameOf = ({ conversationId, senderId }: KeyOwner): string => `${conversationId} ${senderId}`

export function createContentKeys(pool: pg.Pool, masterKey: Buffer): ContentKeys {
  const cache = new LRUCache<string, Buffer>({ max: CACHED_KEYS, ttl: CACHED_MS })

  function remember(owner: KeyOwner, wrapped: Buffer): Buffer {
    const name = nameOf(owner)
    const key = unwrap(masterKey, name, wrapped)
    cache.set(name, key)
    return key
  }

  async function standing(owners: readonly KeyOwner[]): Promise<ReadonlyMap<string, Buffer>> {
    const { rows } = await pool.query<KeyRow>({
      name: 'content-keys-standing',
      text: STANDING,
      values: [owners.map(({ conversationId }) => conversationId), owners.map(({ senderId }) => senderId)],
    })
    return new Map(
      rows.map((row) => {
        const owner = { conversationId: row.conversation_id, senderId: row.sender_id }
        return [nameOf(owner), remember(owner, row.wrapped_key)]
      }),
    )
  }

  /** A storm of first messages costs a commit for hundreds of keys, not one for each. */
  const making = coalesce<KeyOwner, ReadonlyMap<string, Buffer>>(MADE_AT_ONCE, async (asked) => {
    const owners = [...new Map(asked.map((owner) => [nameOf(owner), owner])).entries()]
      // Always in the same order, so that two processes cannot wait for each other.
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, owner]) => owner)
    const conversationIds = owners.map(({ conversationId }) => conversationId)
    const senderIds = owners.map(({ senderId }) => senderId)
    const wrapped = owners.map((owner) => wrap(masterKey, nameOf(owner), randomBytes(32)))
    await pool.query({ name: 'content-keys-make', text: MAKE, values: [conversationIds, senderIds, wrapped] })
    return await standing(owners)
  })

  async function ensure(owner: KeyOwner): Promise<Buffer> {
    const key = (await making.add(owner)).get(nameOf(owner))
    if (!key) throw new Error('a content key was neither made nor found')
    return key
  }

  return {
    cached: (conversationId, senderId) => cache.get(nameOf({ conversationId, senderId })),
    ensure: async (conversationId, senderId) =>
      cache.get(nameOf({ conversationId, senderId })) ?? ensure({ conversationId, senderId }),
    find: async (owners) => {
      const keys = new Map<string, Buffer>()
      const missing = new Map<string, KeyOwner>()
      for (const owner of owners) {
        const name = nameOf(owner)
        const key = cache.get(name)
        if (key) keys.set(name, key)
        else missing.set(name, owner)
      }
      if (missing.size > 0) {
        for (const [name, key] of await standing([...missing.values()])) keys.set(name, key)
      }
      return { of: (owner) => keys.get(nameOf(owner)) }
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
