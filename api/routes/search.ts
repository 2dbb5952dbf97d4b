/** Full-text search and mentions, over what the caller may read. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { ConversationId, UserId } from '../../domain/ids.ts'
import { countUnits, parseQuery } from '../../domain/search/query.ts'
import { snippetOf } from '../../domain/search/snippet.ts'
import { STRETCH } from '../../ledger/sealing/blind-lexemes.ts'
import { mentionsOf } from '../../projections/queries/mentions.ts'
import { type SearchedStretch, searchedStretches } from '../../projections/queries/searched-stretches.ts'
import { mentionsQuery, searchQuery } from '../../protocol/http.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { identityOf } from '../auth/bearer.ts'
import type { ApiDeps, SearchIndex } from '../deps.ts'
import { now } from '../messages/commands.ts'
import { type OpenedBody, openBodies } from '../messages/open-bodies.ts'
import { messageView } from '../messages/views.ts'
import { ApiProblem } from '../problem.ts'
import { decodeCursor, encodeCursor, TOP } from '../search/cursor.ts'
import { searchPage } from '../search/page.ts'
import type { Hit } from '../search/rank.ts'
import { caughtUpTo } from './caught-up.ts'
import { requireMembership } from './require-membership.ts'

/** The index is rarely more than a tenth of a second behind; past this the answer says that it is not up to date. */
const PATIENCE_MS = 2000

export const searchRoutes =
  (deps: ApiDeps): FastifyPluginAsyncZod =>
  async (app) => {
    const { pool, contentKeys } = deps

    const patience = { patience: 'while-answering' } as const

    app.get('/v1/search', { config: patience, schema: { querystring: searchQuery } }, async (request) => {
      const { sub } = identityOf(request)
      const { q, conversationId, after, limit } = request.query
      const index = requireIndex()
      const query = parseQuery(q)
      if (countUnits(query) > LIMITS.searchWords) {
        throw new ApiProblem('too_large', `a search is over ${LIMITS.searchWords} words`)
      }
      const cursor = after === undefined ? { below: TOP, now: now() } : decodeCursor(after)
      if (!cursor) throw new ApiProblem('bad_frame', 'after is not a cursor of an earlier page')
      const { stretches, upToDate } = await readable(index, sub, conversationId)
      if (query.all.length === 0) return { results: [], upToDate }
      const searched = { userId: sub, query, stretches }
      const { hits, next } = await searchPage({ pool, contentKeys, ...index }, searched, cursor, limit)
      return { results: hits.map(hitView), upToDate, ...(next ? { next: encodeCursor(next) } : {}) }
    })

    app.get('/v1/mentions', { config: patience, schema: { querystring: mentionsQuery } }, async (request) => {
      const { sub } = identityOf(request)
      const { after, limit } = request.query
      const index = requireIndex()
      const before = after === undefined ? TOP : decodeCursor(after)?.below
      if (before === undefined) throw new ApiProblem('bad_frame', 'after is not a cursor of an earlier page')
      const { upToDate } = await readable(index, sub, undefined)
      const found = await mentionsOf(pool, sub, { before, limit: limit + 1 })
      const messages = found.slice(0, limit)
      const opened = await openBodies(deps, messages)
      const last = messages.at(-1)
      return {
        mentions: messages.map((message, at) => messageView(message, opened[at] as OpenedBody)),
        upToDate,
        ...(found.length > limit && last ? { next: encodeCursor({ below: last.position, now: now() }) } : {}),
      }
    })

    function requireIndex(): SearchIndex {
      if (deps.search) return deps.search
      throw new ApiProblem('not_found', 'search is switched off on this server')
    }

    /** Where the caller may look, once the index has what was said there before the question. Where little happens one statement shows that it has. */
    async function readable(
      { waiter }: SearchIndex,
      userId: UserId,
      conversationId: ConversationId | undefined,
    ): Promise<{ readonly stretches: readonly SearchedStretch[]; readonly upToDate: boolean }> {
      const head = await deps.ledger.head()
      if (deps.waiter.reached < head) await caughtUpTo(head, deps)
      const look = () => searchedStretches(pool, userId, conversationId ?? null, STRETCH)
      let found = await look()
      // An older build of the read models was put back since they were last waited for.
      if (found.projected < head) {
        await caughtUpTo(head, deps)
        found = await look()
      }
      const { stretches, indexed } = found
      const [newest] = stretches
      if (!newest && conversationId) await requireMembership(deps, conversationId, userId)
      const upToDate =
        !newest || indexed >= newest.newest || (await waiter.waitFor(newest.newest, PATIENCE_MS))
      return { stretches, upToDate }
    }
  }

/** `score` first: behind a spread, a key that is new costs a hidden class for each object (docs/performance.md, "What is kept too long"). */
const hitView = ({ message, opened, text, spans, score }: Hit) => ({
  score,
  ...messageView(message, opened),
  ...snippetOf(text, spans),
})
