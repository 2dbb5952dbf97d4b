/**
 * Seals message bodies at rest: AES-256-GCM under a data key per conversation and sender. Pure but for the random nonce;
 * knows nothing of where keys are kept.
 *
 * Sealed bytes = version (1 byte, 1) ‖ nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes). The additional data binds them to
 * their message, so that a body cannot be moved to another one. Random nonces are safe for 2^32 bodies a key (NIST
 * SP 800-38D, 8.3): nobody sends that many messages to one conversation.
 */
import { createCipheriv, createDecipheriv, hash, randomFillSync } from 'node:crypto'
import type { Body, SealedBody } from '../../domain/body.ts'
import type { MessageId } from '../../domain/ids.ts'

const VERSION = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** The body cannot be opened: wrong key, or bytes that are not what was sealed. Says nothing of the content. */
export class CannotUnseal extends Error {
  override readonly name = 'CannotUnseal'
}

export function seal(key: Buffer, messageId: MessageId, body: Body): Required<SealedBody> {
  const nonce = newNonce()
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(messageId, 'hex'))
  const ciphertext = cipher.update(JSON.stringify(body), 'utf8')
  cipher.final()
  const sealed = Buffer.allocUnsafe(1 + NONCE_BYTES + ciphertext.length + TAG_BYTES)
  sealed[0] = VERSION
  sealed.set(nonce, 1)
  sealed.set(ciphertext, 1 + NONCE_BYTES)
  sealed.set(cipher.getAuthTag(), sealed.length - TAG_BYTES)
  return { hash: hash('sha256', sealed), bytes: sealed.toString('base64') }
}

/** Drawn a thousand at a time: a draw costs 3 µs, whatever its size. Each is handed out once. */
const drawn = Buffer.alloc(1000 * NONCE_BYTES)
let used = drawn.length

function newNonce(): Buffer {
  if (used === drawn.length) {
    randomFillSync(drawn)
    used = 0
  }
  used += NONCE_BYTES
  return drawn.subarray(used - NONCE_BYTES, used)
}

/** @throws CannotUnseal */
export function unseal(key: Buffer, messageId: MessageId, sealed: Buffer): Body {
  if (sealed[0] !== VERSION || sealed.length < 1 + NONCE_BYTES + TAG_BYTES) {
    throw new CannotUnseal('not sealed by this version')
  }
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(messageId, 'hex'))
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  try {
    const text = decipher.update(sealed.subarray(1 + NONCE_BYTES, -TAG_BYTES), undefined, 'utf8')
    return JSON.parse(text + decipher.final('utf8')) as Body
  } catch {
    throw new CannotUnseal('the bytes or the key are not what was sealed')
  }
}
