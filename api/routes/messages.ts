/** Sending over HTTP, history, and to whom a message went. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { ConversationId, MessageId, Seq } from '../../domain/ids.ts'
import { findMessage } from '../../projections/queries/find-message.ts'
import { history } from '../../projections/queries/history.ts'
import { messageReceipts } from '../../projections/queries/message-receipts.ts'
import * as http from '../../protocol/http.ts'
import { identityOf } from '../auth/bearer.ts'
import type { ApiDeps } from '../deps.ts'
import { sendCommand } from '../messages/commands.ts'
import { type OpenedBody, openBodies } from '../messages/open-bodies.ts'
import { historyPageView, historyView } from '../messages/views.ts'
import type { Presence } from '../presence/presence.ts'
import { ApiProblem } from '../problem.ts'
import { resultOf } from './answer.ts'
import { caughtUp } from './caught-up.ts'
import { definedOf } from './defined.ts'
import { requireMembership } from './require-membership.ts'

export const messageRoutes =
  (deps: ApiDeps, presence: Pick<Presence, 'didWithoutSession'>): FastifyPluginAsyncZod =>
  async (app) => {
    const { pool, handler, load } = deps

    app.post(
      '/v1/conversations/:id/messages',
      { schema: { params: http.conversationPath, body: http.sendMessage } },
      async (request) => {
        const { sub } = identityOf(request)
        const { id: conversationId } = request.params
        if (!load.allows('send'))
          throw new ApiProblem('overloaded', 'too much to do just now', load.retryAfterMs())
        const { deviceId, ...message } = request.body
        presence.didWithoutSession(sub)
        const command = sendCommand({ conversationId, ...message }, sub, deviceId)
        if ('code' in command) throw new ApiProblem(command.code, command.message)
        const ended = load.began()
        const answer = await handler.converse(conversationId, command).finally(ended)
        const { seq, at } = resultOf(answer)
        return { conversationId, messageId: message.messageId, seq, at }
      },
    )

    app.get(
      '/v1/conversations/:id/messages',
      { schema: { params: http.conversationPath, querystring: http.historyQuery } },
      async (request) => {
        const { sub } = identityOf(request)
        const { id } = request.params
        await caughtUp(deps)
        const membership = await requireMembership(deps, id, sub)
        const { around, ...bounds } = definedOf(request.query)
        const page = around === undefined ? bounds : { ...bounds, around: await seqOf(id, around) }
        const messages = await history(pool, id, sub, page)
        if (typeof around === 'string' && !messages.some(({ messageId }) => messageId === around)) {
          throw noSuchMessage()
        }
        const opened = await openBodies(deps, messages)
        const views = messages.map((message, index) => historyView(message, opened[index] as OpenedBody))
        return historyPageView(views, page, membership)
      },
    )

    app.get(
      '/v1/conversations/:id/messages/:seq/receipts',
      { schema: { params: http.messagePath } },
      async (request) => {
        const { sub } = identityOf(request)
        const { id, seq } = request.params
        await caughtUp(deps)
        const state = await handler.conversation(id, true)
        if (state.kind === undefined) throw new ApiProblem('not_found', 'no such conversation')
        // Not for former members: people's receipts go on after they left.
        if (!state.members.has(sub)) throw new ApiProblem('not_member', 'you are not a member of it')
        const [message] = await history(pool, id, sub, { around: seq, limit: 1 })
        if (!message || message.seq !== seq) throw noSuchMessage()
        const receipts = await messageReceipts(pool, id, seq, sub)
        return { conversationId: id, seq, messageId: message.messageId, sentAt: message.at, receipts }
      },
    )

    async function seqOf(id: ConversationId, place: Seq | MessageId): Promise<Seq> {
      if (typeof place === 'number') return place
      const message = await findMessage(pool, id, place)
      if (!message) throw noSuchMessage()
      return message.seq
    }
  }

/** The same for what is not there and for what is not theirs to see. */
const noSuchMessage = () => new ApiProblem('not_found', 'no such message for you')
