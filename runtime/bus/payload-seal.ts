/**
 * Seals what travels over Postgres: NOTIFY keeps its queue in files, and no message's words may stand in one. AES-256-GCM under
 * a key derived from the master key; binds a payload to its channel.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const NONCE_BYTES = 12
const TAG_BYTES = 16

export interface PayloadSeal {
  /** Base64. */
  seal(channel: string, payload: string): string
  /** `undefined`: not sealed with this key for this channel. */
  open(channel: string, sealed: string): string | undefined
}

/** Bytes of a payload that become at most `sealedBytes` of base64. */
export const sealable = (sealedBytes: number): number =>
  Math.floor(sealedBytes / 4) * 3 - NONCE_BYTES - TAG_BYTES

export function createPayloadSeal(masterKey: Buffer): PayloadSeal {
  const key = Buffer.from(hkdfSync('sha256', masterKey, '', 'triptick bus', 32))
  return {
    seal(channel, payload) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(channel))
      return Buffer.concat([
        nonce,
        cipher.update(payload, 'utf8'),
        cipher.final(),
        cipher.getAuthTag(),
      ]).toString('base64')
    },
    open(channel, sealed) {
      const bytes = Buffer.from(sealed, 'base64')
      if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES))
      decipher.setAAD(Buffer.from(channel)).setAuthTag(bytes.subarray(-TAG_BYTES))
      try {
        return (
          decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
        )
      } catch {
        return undefined
      }
    },
  }
}
