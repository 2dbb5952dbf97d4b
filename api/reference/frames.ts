/** The examples of all frames, and who may send them. The compiler asks for an entry for each type of frame. */

import type { Seq } from '../../domain/ids.ts'
import { type ClientFrame, clientFrame } from '../../protocol/client-frames.ts'
import { FRAME_COSTS, LIMITS } from '../../protocol/limits.ts'
import { type ServerFrame, serverFrame } from '../../protocol/server-frames.ts'
import type { ClientFrameDescription } from './description.ts'
import { EXAMPLE_AT, type World } from './world.ts'

const one = 1 as Seq
const two = 2 as Seq

export const CLIENT_FRAMES: { readonly [T in ClientFrame['t']]: ClientFrameDescription } = {
  send: {
    access: 'member',
    example: ({ group, draft }) => ({ t: 'send', ref: 1, conversationId: group, ...draft }),
    answer: 'sent',
  },
  delivered: {
    access: 'member',
    example: ({ group }) => ({ t: 'delivered', ref: 2, conversationId: group, upTo: one }),
    answer: 'receipt',
  },
  read: {
    access: 'member',
    example: ({ group }) => ({ t: 'read', ref: 3, conversationId: group, upTo: one }),
    answer: 'receipt',
  },
  delete: {
    access: 'sender',
    example: ({ group, message }) => ({
      t: 'delete',
      ref: 4,
      conversationId: group,
      messageId: message.messageId,
    }),
    answer: 'deleted',
  },
  typing: { access: 'member', example: ({ group }) => ({ t: 'typing', conversationId: group }) },
  active: { access: 'person', example: () => ({ t: 'active' }) },
  watch: { access: 'person', example: ({ bob }) => ({ t: 'watch', userIds: [bob] }), answer: 'presence' },
  ack: { access: 'person', example: ({ position }) => ({ t: 'ack', position }) },
  renew: { access: 'person', example: ({ token }) => ({ t: 'renew', ref: 5, token }), answer: 'renewed' },
  ping: { access: 'person', example: () => ({ t: 'ping' }), answer: 'pong' },
}

type Of<T extends ServerFrame['t']> = Extract<ServerFrame, { t: T }>

export const SERVER_FRAMES: { readonly [T in ServerFrame['t']]: (world: World) => Of<T> } = {
  welcome: ({ alice, deviceId, position }) => ({
    t: 'welcome',
    userId: alice,
    deviceId,
    node: 'api-1',
    protocol: 1,
    position,
    expiresAt: EXAMPLE_AT,
    heartbeatMs: 5_000,
    retryAfterMs: 700,
    limits: LIMITS,
    rate: { perSecond: 2000, burst: 8000, costs: FRAME_COSTS },
  }),
  live: ({ position }) => ({ t: 'live', position }),
  sent: ({ group, draft }) => ({
    t: 'sent',
    ref: 1,
    conversationId: group,
    messageId: draft.messageId,
    seq: two,
    at: EXAMPLE_AT,
  }),
  message: ({ alice, deviceId, group, message }) => ({
    t: 'message',
    conversationId: group,
    seq: one,
    messageId: message.messageId,
    senderId: alice,
    deviceId,
    at: EXAMPLE_AT,
    nonce: message.nonce,
    clientAt: message.clientAt,
    body: message.body,
  }),
  receipt: ({ bob, group }) => ({
    t: 'receipt',
    conversationId: group,
    userId: bob,
    kind: 'delivered',
    upTo: one,
    at: EXAMPLE_AT,
  }),
  deleted: ({ group, message }) => ({
    t: 'deleted',
    conversationId: group,
    seq: one,
    messageId: message.messageId,
    at: EXAMPLE_AT,
  }),
  member: ({ alice, carol, group }) => ({
    t: 'member',
    conversationId: group,
    userId: carol,
    change: 'added',
    by: alice,
    at: EXAMPLE_AT,
  }),
  conversation: ({ alice, bob, dave, group }) => ({
    t: 'conversation',
    conversationId: group,
    kind: 'group',
    title: 'Tea',
    memberCount: 3,
    members: [
      { userId: alice, role: 'admin' },
      { userId: bob, role: 'member' },
      { userId: dave, role: 'member' },
    ],
    lastSeq: one,
    at: EXAMPLE_AT,
  }),
  renewed: () => ({ t: 'renewed', ref: 5, expiresAt: EXAMPLE_AT }),
  presence: ({ bob }) => ({ t: 'presence', userId: bob, online: true, lastSeen: EXAMPLE_AT }),
  typing: ({ bob, group }) => ({ t: 'typing', conversationId: group, userId: bob }),
  error: () => ({
    t: 'error',
    ref: 1,
    code: 'overloaded',
    message: 'too much waits to be recorded or read just now',
    retryable: true,
    retryAfterMs: 1000,
  }),
  pong: ({ position }) => ({ t: 'pong', position }),
}

/** By type, in the order of the protocol. */
export const clientFrameSchemas = new Map(clientFrame.options.map((schema) => [schema.shape.t.value, schema]))
export const serverFrameSchemas = new Map(serverFrame.options.map((schema) => [schema.shape.t.value, schema]))
