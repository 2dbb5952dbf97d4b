/**
 * A reply from its bytes. The one that comes thousands of times a second, success with revision and position, is read here;
 * whatever else it may say by the classes of the client package, which take 15 µs for it. A test holds the two together.
 */
import streams from '@eventstore/db-client/generated/streams_pb.js'
import type { Position, Revision } from '../ledger.ts'
import { type Reply, replyOf } from './append-outcome.ts'
import { numberOf, numberOfMessage } from './correlation.ts'

export interface Answer {
  /** Of the append that is answered. */
  readonly number: number
  readonly reply: Reply
}

export const readAnswer = (bytes: Buffer): Answer => successIn(bytes) ?? readByClasses(bytes)

export function readByClasses(bytes: Buffer): Answer {
  const response = streams.BatchAppendResp.deserializeBinary(bytes)
  return { number: numberOfMessage(response.getCorrelationId()), reply: replyOf(response) }
}

/** `undefined` for any other reply. */
export function successIn(bytes: Buffer): Answer | undefined {
  let correlation: string | undefined
  let revision: number | undefined
  let commit: number | undefined
  let prepare: number | undefined
  const understood = eachField(bytes, 0, bytes.length, (field, from, to) => {
    if (field === 1)
      return eachField(bytes, from, to, (part, start, end) => {
        if (part === 2) correlation = bytes.toString('latin1', start, end)
        return part === 2
      })
    // An error is not for here; stream and expected revision are known.
    if (field !== 3) return field !== 2
    return eachField(bytes, from, to, (part, start, end) => {
      if (part === 1) revision = start
      if (part !== 3) return part === 1
      return eachField(bytes, start, end, (which, position) => {
        if (which === 1) commit = position
        else prepare = position
        return true
      })
    })
  })
  if (!understood || correlation === undefined || revision === undefined) return undefined
  if (commit === undefined || commit !== prepare) return undefined
  const written = {
    kind: 'written',
    revision: revision as Revision,
    position: BigInt(commit) as Position,
  } as const
  return { number: numberOf(correlation), reply: written }
}

/**
 * Shows each field of a message: a number as its value, bytes as where they begin and end. False as soon as `show` says so, or
 * at something that is neither, or a number beyond 2^53.
 */
function eachField(
  bytes: Buffer,
  from: number,
  to: number,
  show: (field: number, value: number, end: number) => boolean,
): boolean {
  let at = from
  const varint = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 0x80) {
      const byte = bytes[at++] ?? 0
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
  while (at < to) {
    const key = varint()
    const value = varint()
    const type = key & 7
    if ((type !== 0 && type !== 2) || !Number.isSafeInteger(value)) return false
    const [start, end] = type === 2 ? [at, at + value] : [value, 0]
    if (type === 2) at = end
    if (!show(key >>> 3, start, end)) return false
  }
  return at === to
}
