/** The reply that is read from its bytes says what the classes of the client package read in it. */

import shared from '@eventstore/db-client/generated/shared_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readAnswer, readByClasses, successIn } from '../../../ledger/eventstoredb/append-reply.ts'
import { correlationOf } from '../../../ledger/eventstoredb/correlation.ts'
import {
  batchSuccess,
  namedStatus,
  streamIdentifier,
  uuidOf,
  wrongVersionStatus,
} from '../../support/eventstoredb/messages.ts'

type Response = InstanceType<typeof streams.BatchAppendResp>

function replyTo(number: number, fill: (response: Response) => void): Buffer {
  const response = new streams.BatchAppendResp()
  response.setCorrelationId(uuidOf(correlationOf(number)))
  fill(response)
  return Buffer.from(response.serializeBinary())
}

const number = fc.nat(2 ** 48 - 1)
const revision = fc.oneof(fc.nat(300), fc.maxSafeNat())
// No event is at position 0: a log begins with an epoch record.
const position = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })

test('a success with its position is read without the classes, and says the same', () => {
  fc.assert(
    fc.property(number, revision, position, fc.string(), (to, at, place, stream) => {
      const bytes = replyTo(to, (response) => {
        response.setSuccess(batchSuccess(at, place))
        response.setStreamIdentifier(streamIdentifier(stream))
        response.setStreamPosition(String(at))
      })
      expect(successIn(bytes)).toEqual(readByClasses(bytes))
      expect(readAnswer(bytes)).toEqual({
        number: to,
        reply: { kind: 'written', revision: at, position: BigInt(place) },
      })
    }),
  )
})

test('every other reply is left to the classes', () => {
  const structured = new shared.UUID()
  const bits = new shared.UUID.Structured()
  bits.setMostSignificantBits('0')
  bits.setLeastSignificantBits(String(BigInt.asIntN(64, 0x8000_0000_0000_0007n)))
  structured.setStructured(bits)
  const apart = batchSuccess(3, 500)
  apart.getPosition()?.setPreparePosition('400')
  const vast = batchSuccess(3, 500)
  vast.getPosition()?.setCommitPosition('18446744073709551614')
  vast.getPosition()?.setPreparePosition('18446744073709551614')
  const others: [(response: Response) => void, object][] = [
    [(response) => response.setError(wrongVersionStatus(3, 5)), { kind: 'conflict', actual: 5 }],
    [(response) => response.setError(namedStatus('Timeout')), { kind: 'ambiguous' }],
    [(response) => response.setSuccess(batchSuccess(3, undefined)), { kind: 'unplaced', revision: 3 }],
    [(response) => response.setSuccess(apart), { kind: 'unplaced', revision: 3 }],
    [(response) => response.setSuccess(vast), { kind: 'written', position: 2n ** 64n - 2n }],
    [
      (response) => response.setCorrelationId(structured).setSuccess(batchSuccess(3, 500)),
      { kind: 'written', revision: 3, position: 500n },
    ],
  ]
  for (const [fill, reply] of others) {
    const bytes = replyTo(7, fill)
    expect(successIn(bytes)).toBeUndefined()
    expect(readAnswer(bytes)).toMatchObject({ number: 7, reply })
  }
})
