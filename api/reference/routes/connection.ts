/** The reference of `api/gateway/socket-route.ts`, and of `tickets.ts`, `sync.ts` and `gateways.ts` in `api/routes/`. */
import { gatewayList, socketTicket, syncAnswers, syncPage } from '../../../protocol/answers.ts'
import { socketQuery } from '../../../protocol/http.ts'
import type { RouteDescriptions } from '../description.ts'
import { EXAMPLE_AT } from '../world.ts'

export const connectionReference: RouteDescriptions = {
  'GET /v1/ws': {
    id: 'openSocket',
    tag: 'connection',
    summary: 'Open a WebSocket with the subprotocol `triptick.v1`',
    access: 'person',
    query: socketQuery,
    answers: { 101: { description: 'What is said from here on: `/docs/frames`.' } },
    errors: ['bad_frame'],
    example: ({ deviceId }) => ({ query: { device: deviceId }, status: 101 }),
  },
  'POST /v1/ws-tickets': {
    id: 'getSocketTicket',
    tag: 'connection',
    summary: 'For browsers: a ticket that opens one WebSocket, once, as a second subprotocol `ticket.<t>`',
    access: 'person',
    answers: { 201: { description: 'A fresh ticket.', schema: socketTicket } },
    errors: ['bad_frame'],
    example: () => ({
      status: 201,
      answer: { ticket: 'b3Blbi1zZXNhbWUtb25jZS1hbmQtb25seS1v', expiresInSeconds: 30 },
    }),
  },
  'GET /v1/sync': {
    id: 'poll',
    tag: 'connection',
    summary:
      'Long poll: the frames that a socket would have had after a position; waits up to `wait` seconds for one',
    access: 'person',
    answers: { 200: { description: 'A page; without frames when the time was up.', schema: syncPage } },
    errors: ['conflict'],
    example: ({ alice, bob, dave, group, deviceId }) => ({
      query: { device: deviceId, wait: 0 },
      status: 200,
      answer: {
        frames: [
          {
            t: 'conversation',
            conversationId: group,
            kind: 'group',
            title: 'Tea',
            lastSeq: 1,
            at: EXAMPLE_AT,
            memberCount: 3,
            members: [
              { userId: alice, role: 'admin' },
              { userId: bob, role: 'member' },
              { userId: dave, role: 'member' },
            ],
          },
        ],
        position: '4711',
        more: false,
      },
    }),
  },
  'GET /v1/gateways': {
    id: 'listGateways',
    tag: 'connection',
    summary: 'The api nodes to connect to, the least busy first',
    access: 'person',
    answers: { 200: { description: 'Base URLs: append `/v1/ws`.', schema: gatewayList } },
    example: () => ({
      status: 200,
      answer: { gateways: [{ node: 'api-1', url: 'https://api-1.chat.example' }] },
    }),
  },
  'POST /v1/sync': {
    id: 'sendFrames',
    tag: 'connection',
    summary: 'For those who poll: the frames that a client sends over a socket, and their answers',
    access: 'person',
    answers: { 200: { description: 'Every frame was carried out or refused.', schema: syncAnswers } },
    example: ({ alice, group, deviceId }) => ({
      body: { device: deviceId, frames: [{ t: 'read', conversationId: group, upTo: 1, ref: 1 }] },
      status: 200,
      answer: {
        frames: [
          {
            t: 'receipt',
            ref: 1,
            conversationId: group,
            userId: alice,
            kind: 'read',
            upTo: 1,
            at: EXAMPLE_AT,
          },
        ],
      },
    }),
  },
}
