/** The reference of `api/routes/messages.ts`. */
import { historyPage, messageInfo, sentMessage } from '../../../protocol/answers.ts'
import type { RouteDescriptions } from '../description.ts'
import { EXAMPLE_AT } from '../world.ts'

export const messageReference: RouteDescriptions = {
  'POST /v1/conversations/:id/messages': {
    id: 'sendMessage',
    tag: 'messages',
    summary: 'Send a message; sending the same again is harmless',
    access: 'member',
    answers: { 200: { description: 'It is durable. The same answer for a resend.', schema: sentMessage } },
    errors: ['id_mismatch', 'overloaded'],
    example: ({ group, draft, deviceId }) => ({
      params: { id: group },
      body: { ...draft, deviceId },
      status: 200,
      answer: { conversationId: group, messageId: draft.messageId, seq: 2, at: EXAMPLE_AT },
    }),
  },
  'GET /v1/conversations/:id/messages': {
    id: 'getHistory',
    tag: 'messages',
    summary:
      'History: a page before or after a seq, or around a seq or a messageId, else the newest; own messages with their ticks',
    access: 'member',
    answers: {
      200: {
        description:
          'Messages in seq order, whether there is more on either side, and where the unread begins.',
        schema: historyPage,
      },
    },
    example: ({ alice, group, message, deviceId }) => ({
      params: { id: group },
      query: { after: 0, limit: 50 },
      status: 200,
      answer: {
        messages: [
          {
            conversationId: group,
            seq: 1,
            ...message,
            senderId: alice,
            deviceId,
            at: EXAMPLE_AT,
            ticks: 'sent',
          },
        ],
        hasMoreBefore: false,
        hasMoreAfter: false,
        unread: 0,
        firstUnreadSeq: null,
        earliestUnreadAt: null,
        readUpTo: 0,
      },
    }),
  },
  'GET /v1/conversations/:id/messages/:seq/receipts': {
    id: 'getMessageInfo',
    tag: 'messages',
    summary: 'Message info: per person when it arrived, on which devices, and when it was read',
    access: 'member',
    answers: { 200: { description: 'Everybody whom it was for.', schema: messageInfo } },
    example: ({ bob, dave, group, message }) => ({
      params: { id: group, seq: 1 },
      status: 200,
      answer: {
        conversationId: group,
        seq: 1,
        messageId: message.messageId,
        sentAt: EXAMPLE_AT,
        receipts: [
          {
            userId: bob,
            member: true,
            deliveredAt: EXAMPLE_AT + 40,
            devices: [{ deviceId: 'laptop', deliveredAt: EXAMPLE_AT + 40 }],
            readAt: EXAMPLE_AT + 2500,
            readDeviceId: 'laptop',
          },
          {
            userId: dave,
            member: true,
            deliveredAt: null,
            devices: [],
            readAt: null,
            readDeviceId: null,
          },
        ],
      },
    }),
  },
}
