/** Identifiers that the server makes: UUIDv7 (RFC 9562) in time order, UUIDv5 out of names. */
import { createHash, randomBytes } from 'node:crypto'

/** Version 7: 48 bits of Unix milliseconds, then random bits, so that ids made later sort later. */
export function uuidv7(now: number = Date.now()): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now, 0, 6)
  return format(bytes, 7)
}

/** Version 5: SHA-1 of namespace and name; the same name gives the same id everywhere and for ever. */
export function uuidv5(name: string, namespace: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest()
  return format(hash.subarray(0, 16), 5)
}

function format(bytes: Buffer, version: number): string {
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | (version << 4), 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
