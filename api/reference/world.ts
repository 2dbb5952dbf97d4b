/** The people and conversations of the examples. The reference shows made-up ones; the tests run the examples with real ones. */
import { hash } from 'node:crypto'
import type { Body } from '../../domain/body.ts'
import type { ConversationId, DeviceId, MessageId, Millis, UserId } from '../../domain/ids.ts'
import { canonicalContent } from '../../protocol/message-id.ts'

export interface ExampleMessage {
  readonly messageId: MessageId
  readonly nonce: string
  readonly clientAt: Millis
  readonly body: Body
}

export interface World {
  /** Who asks: admin of the group. */
  readonly alice: UserId
  /** A member of it. */
  readonly bob: UserId
  /** Another one. */
  readonly dave: UserId
  /** Not in it, so far. */
  readonly carol: UserId
  /** Of alice. */
  readonly deviceId: DeviceId
  readonly group: ConversationId
  /** Seq 1 of the group: sent by alice, read by bob. */
  readonly message: ExampleMessage
  /** Made by alice, not sent so far. */
  readonly draft: ExampleMessage
  readonly position: string
  /** Of alice. */
  readonly token: string
  /** Somebody with a built-in account, who is logged in. */
  readonly account: { readonly name: string; readonly password: string; readonly refreshToken: string }
}

export function composeExample(
  sender: { readonly senderId: UserId; readonly deviceId: DeviceId },
  conversationId: ConversationId,
  message: Omit<ExampleMessage, 'messageId'>,
): ExampleMessage {
  const content = canonicalContent({ ...sender, conversationId, ...message })
  return { ...message, messageId: hash('sha256', content) as MessageId }
}

const alice = 'alice' as UserId
const deviceId = 'phone' as DeviceId
const group = '0198c0de-7a3b-7c4d-8e5f-a1b2c3d4e5f6' as ConversationId
/** When the examples happened. */
export const EXAMPLE_AT = 1_790_000_000_000 as Millis

const compose = (nonce: string, text: string): ExampleMessage =>
  composeExample({ senderId: alice, deviceId }, group, {
    nonce,
    clientAt: EXAMPLE_AT,
    body: { kind: 'text', text },
  })

export const EXAMPLE_WORLD: World = {
  alice,
  bob: 'bob' as UserId,
  carol: 'carol' as UserId,
  dave: 'dave' as UserId,
  deviceId,
  group,
  message: compose('pYx3q0a8Vt5Lk2Zr', 'Tea at four?'),
  draft: compose('Jc7wN1mQe9Ub4Hs6', 'Bring cake.'),
  position: '4711',
  token: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6MTc5MDAwMDAwMH0.c2lnbmF0dXJlLW9mLW5vYm9keQ',
  account: {
    name: 'Erin Example',
    password: 'correct horse battery staple',
    refreshToken: '6f0c1f4e-52b3-4f6e-9a55-0f3c6a1c2d7b.Zm9yLW9uZS11c2Utb25seS1hbmQtb25seS1vbmNlLi4',
  },
}
