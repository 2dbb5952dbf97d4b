/** The reference of `api/gateway/socket-route.ts` and `api/routes/tickets.ts`. */
import { socketTicket } from '../../../protocol/answers.ts'
import type { RouteDescriptions } from '../description.ts'

export const connectionReference: RouteDescriptions = {
  'GET /v1/ws': {
    id: 'openSocket',
    tag: 'connection',
    summary: 'Open a WebSocket with the subprotocol `triptick.v1`',
    access: 'person',
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
    example: () => ({
      status: 201,
      answer: { ticket: 'b3Blbi1zZXNhbWUtb25jZS1hbmQtb25seS1v', expiresInSeconds: 30 },
    }),
  },
}
