/** The reference of `api/routes/people.ts`. */
import * as answers from '../../../protocol/answers.ts'
import type { RouteDescriptions } from '../description.ts'
import { EXAMPLE_AT } from '../world.ts'

export const peopleReference: RouteDescriptions = {
  'GET /v1/users/:id/presence': {
    id: 'getPresence',
    tag: 'people',
    summary: 'Whether somebody is online, and when they were last seen',
    access: 'person',
    answers: { 200: { description: 'As they are now.', schema: answers.presence } },
    errors: ['unavailable'],
    example: ({ bob }) => ({
      params: { id: bob },
      status: 200,
      answer: { userId: bob, online: true, lastSeen: EXAMPLE_AT },
    }),
  },
  'GET /v1/me/privacy': {
    id: 'getPrivacy',
    tag: 'people',
    summary: 'What others are shown of the caller',
    access: 'person',
    answers: { 200: { description: 'As it stands.', schema: answers.privacy } },
    errors: ['unavailable'],
    example: () => ({ status: 200, answer: { lastSeen: 'shared', readReceipts: 'shared' } }),
  },
  'PUT /v1/me/privacy': {
    id: 'changePrivacy',
    tag: 'people',
    summary: 'Hide or show when one was last seen, and that one has read',
    access: 'person',
    answers: { 200: { description: 'As it stands now.', schema: answers.privacy } },
    errors: ['unavailable'],
    example: () => ({
      body: { lastSeen: 'shared', readReceipts: 'shared' },
      status: 200,
      answer: { lastSeen: 'shared', readReceipts: 'shared' },
    }),
  },
}
