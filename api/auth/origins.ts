/**
 * Which web pages may talk to us: the check of `Origin` for every request and upgrade, and the answers of CORS (Fetch, §3.2).
 * Programs that are no browsers send no `Origin` and pass; who asks is decided by their token, never by this.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ApiProblem } from '../problem.ts'

export interface OriginSettings {
  /** `https://chat.example`, or `*` for every page; absent: pages of our own host, and those of this machine if we listen there. */
  readonly allowedOrigins: readonly string[] | undefined
  readonly host: string
}

/** @param origin as the browser sends it. @param host the `Host` header. */
export type IsAllowed = (origin: string, host: string | undefined) => boolean

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\]|::1)$/
/** How long a browser may remember the answer to a preflight. */
const REMEMBER_SECONDS = 600

export function originPolicy({ allowedOrigins, host: listensOn }: OriginSettings): IsAllowed {
  if (allowedOrigins !== undefined) {
    const allowed = new Set(allowedOrigins)
    return (origin) => allowed.has('*') || allowed.has(origin)
  }
  const develops = LOOPBACK.test(listensOn)
  return (origin, host) => {
    // `null`: a page without an origin, in a sandbox or a file.
    if (!URL.canParse(origin)) return false
    const page = new URL(origin)
    return page.host === host?.toLowerCase() || (develops && LOOPBACK.test(page.hostname))
  }
}

/** The first hook of every request: refuses other pages, answers preflights. @throws ApiProblem `forbidden`. */
export const checkOrigin =
  (isAllowed: IsAllowed) =>
  async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const { origin, host } = request.headers
    if (origin === undefined) return
    reply.header('vary', 'origin')
    if (!isAllowed(origin, host)) {
      throw new ApiProblem('forbidden', 'pages of this origin may not ask (TRIPTICK_ALLOWED_ORIGINS)')
    }
    reply.header('access-control-allow-origin', origin).header('access-control-expose-headers', 'retry-after')
    if (request.method !== 'OPTIONS' || !request.headers['access-control-request-method']) return
    return reply
      .code(204)
      .header('access-control-allow-methods', 'GET, POST, PATCH, PUT, DELETE')
      .header('access-control-allow-headers', 'authorization, content-type')
      .header('access-control-max-age', REMEMBER_SECONDS)
      .send()
  }
