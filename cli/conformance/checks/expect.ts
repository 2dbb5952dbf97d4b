/** What several checks expect: the shape of a refusal, a frame that does not come. */
import assert from 'node:assert/strict'
import type { Device } from '../device.ts'
import type { Frame } from '../message.ts'
import type { Answer } from '../stage.ts'

export const ERROR_CODES = [
  'bad_frame',
  'too_large',
  'id_mismatch',
  'unauthorized',
  'forbidden',
  'not_found',
  'not_member',
  'conflict',
  'rate_limited',
  'overloaded',
  'unavailable',
]

/** RFC 9457 with a `code`. */
export function expectProblem({ status, contentType, body }: Answer, expected: number, code: string): void {
  assert.equal(status, expected, JSON.stringify(body))
  assert.match(contentType, /^application\/problem\+json/)
  assert.equal(body.code, code, JSON.stringify(body))
  assert.equal(body.status, expected)
  assert.equal(typeof body.title, 'string')
}

export function expectError(frame: Frame, ...codes: readonly string[]): void {
  assert.equal(frame.t, 'error', `not refused: ${JSON.stringify(frame)}`)
  assert.ok(codes.includes(frame.code), `not ${codes.join(' or ')}: ${JSON.stringify(frame)}`)
  assert.equal(typeof frame.message, 'string')
  assert.equal(typeof frame.retryable, 'boolean')
}

/** The seqs of the messages that a device has of a conversation, in the order in which they came. */
export const seqsOf = (device: Device, conversationId: string): readonly number[] =>
  device.all({ t: 'message', conversationId }).map(({ seq }) => seq)

export const upTo = (last: number): readonly number[] => Array.from({ length: last }, (_, index) => index + 1)
