/** The reference of `api/routes/search.ts`. */
import { mentionsPage, searchResults } from '../../../protocol/answers.ts'
import type { RouteDescriptions } from '../description.ts'
import { EXAMPLE_AT } from '../world.ts'

export const searchReference: RouteDescriptions = {
  'GET /v1/search': {
    id: 'searchMessages',
    tag: 'search',
    summary: 'Search one’s conversations: words, "a phrase", -without, and the beginning of the last word',
    access: 'person',
    answers: {
      200: { description: 'The best matches first, of equal ones the newer.', schema: searchResults },
    },
    errors: ['too_large', 'not_member', 'not_found'],
    example: ({ alice, group, message, deviceId }) => ({
      query: { q: 'tea', limit: 20 },
      status: 200,
      answer: {
        results: [
          {
            conversationId: group,
            seq: 1,
            ...message,
            senderId: alice,
            deviceId,
            at: EXAMPLE_AT,
            snippet: 'Tea at four?',
            matches: [[0, 3]],
            score: 0.91,
          },
        ],
        upToDate: true,
      },
    }),
  },
  'GET /v1/mentions': {
    id: 'listMentions',
    tag: 'search',
    summary: 'Messages that say @ and one’s id, or name it in their `mentions`; newest first',
    access: 'person',
    answers: { 200: { description: 'As far as the caller may read them.', schema: mentionsPage } },
    errors: ['not_found'],
    example: () => ({ query: { limit: 20 }, status: 200, answer: { mentions: [], upToDate: true } }),
  },
}
