import fc from 'fast-check'
import { v5 as uuidv5 } from 'uuid'
import { expect, test } from 'vitest'
import { EVENT_ID_NAMESPACE, eventId, eventName } from '../../ledger/codec/event-id.ts'
import type { StreamName } from '../../ledger/ledger.ts'

test('is the UUIDv5 of stream, command and place', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.nat(500), (stream, commandId, index) => {
      const name = eventName(stream as StreamName, commandId, index)
      expect(eventId(stream as StreamName, commandId, index)).toBe(uuidv5(name, EVENT_ID_NAMESPACE))
    }),
  )
})
