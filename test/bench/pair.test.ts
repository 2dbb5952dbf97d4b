/** The generator's bookkeeping: it must notice what it is there to notice. */
import { expect, test } from 'vitest'
import { createPair, noTally, type Received } from '../../bench/lives/pair.ts'
import { messageIdOf } from '../../client/message-id.ts'

function meet() {
  const tally = noTally()
  const reached: string[] = []
  const pair = createPair({
    conversationId: 'c1',
    senderId: 'ada',
    deviceId: 'default',
    nonce: 'nonce-nonce-nonce-',
    text: 'He said "hi"',
    tally,
    reached: (life, afterMs) => reached.push(`${life} ${afterMs}`),
  })
  const compose = (at: number) => JSON.parse(pair.compose(at)) as { ref: number; messageId: string }
  const message = (messageId: string, seq: number): Received => ({ t: 'message', messageId, seq })
  return { pair, tally, reached, compose, message }
}

test('the hand-made frame carries the id that the protocol demands', () => {
  const { pair } = meet()
  const { t, ref, messageId, ...content } = JSON.parse(pair.compose(0))
  expect({ t, ref }).toEqual({ t: 'send', ref: 1 })
  expect(messageId).toBe(messageIdOf({ ...content, senderId: 'ada', deviceId: 'default' }))
})

test('a message goes through its three lives, each timed from when it was meant to be sent', () => {
  const { pair, tally, reached, compose, message } = meet()
  const { ref, messageId } = compose(100)
  pair.atSender({ t: 'sent', ref, seq: 1 }, 105)
  const acks = pair.atRecipient(message(messageId, 1)).map((ack) => JSON.parse(ack))
  expect(acks).toEqual([
    { t: 'delivered', conversationId: 'c1', upTo: 1 },
    { t: 'read', conversationId: 'c1', upTo: 1 },
  ])
  expect(pair.atSender({ t: 'receipt', kind: 'delivered', upTo: 1 }, 107)).toBe(0)
  expect(pair.atSender({ t: 'receipt', kind: 'read', upTo: 1 }, 110)).toBe(1)
  expect(reached).toEqual(['sent 5', 'delivered 7', 'read 10'])
  expect(tally).toEqual({ ...noTally(), sent: 1, delivered: 1, read: 1 })
  expect(pair.inFlight).toBe(0)
})

test('one receipt covers many messages', () => {
  const { pair, compose, message } = meet()
  for (let seq = 1; seq <= 3; seq++) {
    const { ref, messageId } = compose(0)
    pair.atSender({ t: 'sent', ref, seq }, 1)
    pair.atRecipient(message(messageId, seq))
  }
  // Again, should they have been refused.
  expect(pair.acknowledgements().map((ack) => JSON.parse(ack).upTo)).toEqual([3, 3])
  expect(pair.atSender({ t: 'receipt', kind: 'read', upTo: 3 }, 2)).toBe(3)
})

test('receipts that are quicker than `sent` are counted, and `sent` after them is no fault', () => {
  const { pair, tally, compose, message } = meet()
  const { ref, messageId } = compose(0)
  pair.atRecipient(message(messageId, 1))
  pair.atSender({ t: 'receipt', kind: 'delivered', upTo: 1 }, 1)
  pair.atSender({ t: 'receipt', kind: 'read', upTo: 1 }, 1)
  pair.atSender({ t: 'sent', ref, seq: 1 }, 2)
  expect(tally).toEqual({ ...noTally(), sent: 1, delivered: 1, read: 1 })
})

test('a message that comes twice is doubled, under the same seq or another', () => {
  const { pair, tally, compose, message } = meet()
  const { messageId } = compose(0)
  pair.atRecipient(message(messageId, 1))
  pair.atRecipient(message(messageId, 1))
  pair.atRecipient(message(messageId, 2))
  expect(tally.doubled).toBe(2)
})

test('a message that is overtaken is out of order, and the one that is missing is lost', () => {
  const { pair, tally, compose, message } = meet()
  compose(0)
  pair.atRecipient(message(compose(0).messageId, 2))
  expect(tally).toMatchObject({ outOfOrder: 1, lost: 1 })
})

test('messages that are numbered in another order than they were written are out of order', () => {
  const { pair, tally, compose } = meet()
  const [first, second] = [compose(0), compose(0)]
  pair.atSender({ t: 'sent', ref: first.ref, seq: 2 }, 1)
  pair.atSender({ t: 'sent', ref: second.ref, seq: 1 }, 1)
  expect(tally.outOfOrder).toBe(1)
})

test('what is never read is lost in the end', () => {
  const { pair, tally, compose } = meet()
  const { ref } = compose(0)
  expect(pair.again(ref)).toContain(`"ref":${ref}`)
  pair.giveUp()
  expect(tally.lost).toBe(1)
  expect(pair.inFlight).toBe(0)
})
