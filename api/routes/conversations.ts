/** Starting conversations, changing them, and who is in them. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { v5 as uuidv5, v7 as uuidv7 } from 'uuid'
import type { ConversationState } from '../../domain/conversation/state.ts'
import type { ConversationId, UserId } from '../../domain/ids.ts'
import { PERMANENT } from '../../domain/retention.ts'
import { longerThan } from '../../protocol/fields.ts'
import * as http from '../../protocol/http.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { identityOf } from '../auth/bearer.ts'
import type { ApiDeps } from '../deps.ts'
import { now, userEnvelope } from '../messages/commands.ts'
import { ApiProblem } from '../problem.ts'
import { limitPeople } from '../rate-limits/request-limits.ts'
import { resultOf } from './answer.ts'

/** Namespace of direct conversations: any constant would do, this one was drawn once and never changes. */
const DIRECT_NAMESPACE = 'c64f7a3e-0b9d-4d6e-9c1f-8a52e3b7d410'

/** The same for both people, on every node, for ever: two who start at once start one conversation. */
const directConversation = (pair: readonly UserId[]): ConversationId =>
  uuidv5([...pair].sort().join('\n'), DIRECT_NAMESPACE) as ConversationId

const conversationView = (state: ConversationState) => ({
  conversationId: state.conversationId,
  kind: state.kind,
  ...(state.title === undefined ? {} : { title: state.title }),
  retention: state.retention ?? PERMANENT,
  members: [...state.members].map(([userId, { role }]) => ({ userId, role })),
  lastSeq: state.lastSeq,
})

/** @throws ApiProblem */
function limitTitle(title: string | null | undefined): void {
  if (title && longerThan(title, LIMITS.titleCharacters)) {
    throw new ApiProblem('too_large', `a title has at most ${LIMITS.titleCharacters} characters`)
  }
}

export const conversationRoutes =
  ({ handler, rateLimits }: ApiDeps): FastifyPluginAsyncZod =>
  async (app) => {
    app.post('/v1/conversations', { schema: { body: http.startConversation } }, async (request, reply) => {
      const { sub: by } = identityOf(request)
      const { kind, title, retention } = request.body
      limitPeople({ rateLimits }, by, request.body.members)
      const members = [...new Set(request.body.members)].filter((userId) => userId !== by)
      limitTitle(title)
      if (kind === 'direct' && members.length !== 1) {
        throw new ApiProblem('bad_frame', 'a direct conversation has exactly one other member')
      }
      const id = kind === 'direct' ? directConversation([by, ...members]) : (uuidv7() as ConversationId)
      const { created } = resultOf(
        await handler.converse(id, {
          type: 'start',
          at: now(),
          by,
          kind,
          members,
          ...(title === undefined ? {} : { title }),
          ...(retention === undefined ? {} : { retention }),
          envelope: userEnvelope(by),
        }),
      )
      reply.code(created ? 201 : 200)
      return conversationView(await handler.conversation(id, !created))
    })

    app.get('/v1/conversations/:id', { schema: { params: http.conversationPath } }, async (request) => {
      const { sub } = identityOf(request)
      return conversationView(await conversationFor(sub, request.params.id))
    })

    app.patch(
      '/v1/conversations/:id',
      { schema: { params: http.conversationPath, body: http.changeConversation } },
      async (request) => {
        const { sub: by } = identityOf(request)
        const { id } = request.params
        const { title, retention } = request.body
        limitTitle(title)
        const asked = () => ({ at: now(), by, envelope: userEnvelope(by) })
        if (title !== undefined) {
          const renaming = { type: 'rename', ...asked() } as const
          resultOf(await handler.converse(id, title ? { ...renaming, title } : renaming))
        }
        if (retention !== undefined) {
          resultOf(await handler.converse(id, { type: 'change-retention', ...asked(), retention }))
        }
        return conversationView(await handler.conversation(id))
      },
    )

    app.patch(
      '/v1/conversations/:id/members/:userId',
      { schema: { params: http.memberPath, body: http.changeMember } },
      async (request) => {
        const { sub: by } = identityOf(request)
        const { id, userId } = request.params
        const { role } = request.body
        const command = {
          type: 'change-role',
          at: now(),
          by,
          userId,
          role,
          envelope: userEnvelope(by),
        } as const
        resultOf(await handler.converse(id, command))
        return conversationView(await handler.conversation(id))
      },
    )

    app.post(
      '/v1/conversations/:id/members',
      { schema: { params: http.conversationPath, body: http.addMembers } },
      async (request) => {
        const { sub: by } = identityOf(request)
        const { userIds } = request.body
        limitPeople({ rateLimits }, by, userIds)
        const { id } = request.params
        const command = { type: 'add-members', at: now(), by, userIds, envelope: userEnvelope(by) } as const
        resultOf(await handler.converse(id, command))
        return conversationView(await handler.conversation(id))
      },
    )

    app.delete(
      '/v1/conversations/:id/members/:userId',
      { schema: { params: http.memberPath } },
      async (request, reply) => {
        const { sub: by } = identityOf(request)
        const { id, userId } = request.params
        const command = { type: 'remove-member', at: now(), by, userId, envelope: userEnvelope(by) } as const
        resultOf(await handler.converse(id, command))
        return reply.code(204).send()
      },
    )

    /** Asked of the ledger: another node may have changed it. */
    async function conversationFor(userId: UserId, id: ConversationId): Promise<ConversationState> {
      const state = await handler.conversation(id, true)
      if (state.kind === undefined) throw new ApiProblem('not_found', 'no such conversation')
      if (!state.members.has(userId)) throw new ApiProblem('not_member', 'you are not a member of it')
      return state
    }
  }
