/** The reference of `api/routes/conversations.ts` and `inbox.ts`. */
import { conversation, inboxPage } from '../../../protocol/answers.ts'
import type { RouteDescriptions } from '../description.ts'
import { EXAMPLE_AT, type World } from '../world.ts'

const groupOf = ({ group, alice, bob, dave }: World) => ({
  conversationId: group,
  kind: 'group',
  title: 'Tea',
  members: [
    { userId: alice, role: 'admin' },
    { userId: bob, role: 'member' },
    { userId: dave, role: 'member' },
  ],
  retention: { mode: 'permanent' },
})

export const conversationReference: RouteDescriptions = {
  'POST /v1/conversations': {
    id: 'startConversation',
    tag: 'conversations',
    summary: 'Start a conversation; of two people there is only one',
    access: 'person',
    answers: {
      200: { description: 'The conversation that these two people have already.', schema: conversation },
      201: { description: 'It has been started.', schema: conversation },
    },
    errors: ['conflict'],
    example: (world) => ({
      body: { kind: 'group', members: [world.bob, world.dave], title: 'Tea' },
      status: 201,
      answer: { ...groupOf(world), lastSeq: 0 },
    }),
  },
  'GET /v1/conversations/:id': {
    id: 'getConversation',
    tag: 'conversations',
    summary: 'Its members with their roles, and its last seq',
    access: 'member',
    answers: { 200: { description: 'The conversation.', schema: conversation } },
    example: (world) => ({
      params: { id: world.group },
      status: 200,
      answer: { ...groupOf(world), lastSeq: 1 },
    }),
  },
  'PATCH /v1/conversations/:id': {
    id: 'changeConversation',
    tag: 'conversations',
    summary: 'Rename a group (`null` takes its title away), or change how long bodies are kept',
    access: 'admin',
    answers: { 200: { description: 'The group as it is now.', schema: conversation } },
    errors: ['conflict'],
    example: (world) => ({
      params: { id: world.group },
      body: { title: 'Tea and cake' },
      status: 200,
      answer: { ...groupOf(world), title: 'Tea and cake', lastSeq: 1 },
    }),
  },
  'PATCH /v1/conversations/:id/members/:userId': {
    id: 'changeMember',
    tag: 'conversations',
    summary: 'Make a member of a group an admin, or an admin a member',
    access: 'admin',
    answers: { 200: { description: 'The group as it is now.', schema: conversation } },
    errors: ['conflict'],
    example: (world) => {
      const { members, ...group } = groupOf(world)
      return {
        params: { id: world.group, userId: world.bob },
        body: { role: 'admin' },
        status: 200,
        answer: {
          ...group,
          members: members.map((one) => (one.userId === world.bob ? { ...one, role: 'admin' } : one)),
          lastSeq: 1,
        },
      }
    },
  },
  'POST /v1/conversations/:id/members': {
    id: 'addMembers',
    tag: 'conversations',
    summary: 'Add people to a group',
    access: 'admin',
    answers: { 200: { description: 'The group with everybody who is in it now.', schema: conversation } },
    errors: ['conflict'],
    example: (world) => {
      const before = groupOf(world)
      const members = [...before.members, { userId: world.carol, role: 'member' }]
      return {
        params: { id: world.group },
        body: { userIds: [world.carol] },
        status: 200,
        answer: { ...before, members, lastSeq: 1 },
      }
    },
  },
  'DELETE /v1/conversations/:id/members/:userId': {
    id: 'removeMember',
    tag: 'conversations',
    summary: 'Take somebody out of a group; everybody may leave',
    access: 'admin',
    answers: { 204: { description: 'The person is in it no more, and keeps what they had.' } },
    errors: ['conflict'],
    example: ({ group, dave }) => ({ params: { id: group, userId: dave }, status: 204 }),
  },
  'GET /v1/inbox': {
    id: 'getInbox',
    tag: 'conversations',
    summary: 'The conversations of the caller, newest first',
    access: 'person',
    answers: { 200: { description: 'A page of them.', schema: inboxPage } },
    example: ({ alice, group, message, deviceId }) => ({
      query: { limit: 20 },
      status: 200,
      answer: {
        conversations: [
          {
            conversationId: group,
            kind: 'group',
            title: 'Tea',
            peerId: null,
            role: 'admin',
            member: true,
            lastMessage: {
              conversationId: group,
              seq: 1,
              ...message,
              senderId: alice,
              deviceId,
              at: EXAMPLE_AT,
            },
            unread: 0,
            firstUnreadSeq: null,
            earliestUnreadAt: null,
            deliveredUpTo: 1,
            readUpTo: 1,
            lastOwnMessage: { seq: 1, at: EXAMPLE_AT, ticks: 'sent' },
          },
        ],
      },
    }),
  },
}
