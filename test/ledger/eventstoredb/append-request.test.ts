/** The bytes of an append, read with the classes that the client package ships. */

import streams from '@eventstore/db-client/generated/streams_pb.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeRequest } from '../../../ledger/eventstoredb/append-request.ts'
import type { Revision, StreamName } from '../../../ledger/ledger.ts'

const text = (maxLength: number) => fc.string({ unit: 'binary', maxLength })
const event = fc.record({ id: fc.uuid(), type: text(200), data: text(20_000), metadata: text(300) })
const request = fc.record({
  correlationId: fc.uuid(),
  stream: text(300).map((name) => name as StreamName),
  expected: fc.oneof(fc.constant(-1), fc.nat(300), fc.maxSafeNat()).map((revision) => revision as Revision),
  deadline: fc.integer({ min: 0, max: Date.UTC(2200) }),
  events: fc.array(event, { minLength: 1, maxLength: 10 }),
})

test('whatever is appended, the server reads what was meant', () => {
  fc.assert(
    fc.property(request, (meant) => {
      const read = streams.BatchAppendReq.deserializeBinary(encodeRequest(meant))
      expect(read.getCorrelationId()?.getString()).toBe(meant.correlationId)
      expect(read.getIsFinal()).toBe(true)
      const options = read.getOptions()
      const name = options?.getStreamIdentifier()?.getStreamName_asU8() ?? new Uint8Array()
      expect(Buffer.from(name).toString()).toBe(meant.stream)
      expect(options?.hasNoStream()).toBe(meant.expected === -1)
      expect(options?.hasStreamPosition()).toBe(meant.expected !== -1)
      if (meant.expected !== -1) expect(Number(options?.getStreamPosition())).toBe(meant.expected)
      expect(options?.getDeadline()?.getSeconds()).toBe(Math.floor(meant.deadline / 1000))
      const events = read.getProposedMessagesList().map((message) => ({
        id: message.getId()?.getString(),
        type: message.getMetadataMap().get('type'),
        data: Buffer.from(message.getData_asU8()).toString(),
        metadata: Buffer.from(message.getCustomMetadata_asU8()).toString(),
      }))
      expect(events).toEqual(meant.events)
      const kinds = read.getProposedMessagesList().map((one) => one.getMetadataMap().get('content-type'))
      expect(new Set(kinds)).toEqual(new Set(['application/json']))
    }),
  )
})
