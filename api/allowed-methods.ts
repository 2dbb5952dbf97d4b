/** Which methods are answered at a path: a wrong one there is another mistake than a path that nobody knows (RFC 9110, §15.5.6). */
import type { FastifyInstance, RouteOptions } from 'fastify'

/** To be called before any route is registered. @returns the methods of the path of a URL; none where nothing is. */
export function rememberMethods(app: FastifyInstance): (url: string) => readonly string[] {
  const methodsAt = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>()
  app.addHook('onRoute', ({ method, url }: RouteOptions) => {
    const known = methodsAt.get(url) ?? { pattern: patternOf(url), methods: new Set() }
    methodsAt.set(url, known)
    for (const one of [method].flat()) known.methods.add(one)
  })
  return (url) => {
    const [path = ''] = url.split('?', 1)
    const matching = [...methodsAt.values()].filter(({ pattern }) => pattern.test(path))
    return [...new Set(matching.flatMap(({ methods }) => [...methods]))]
  }
}

/** Of a route as it is written: `/v1/messages/:messageId`, `/docs/*`. */
const patternOf = (route: string): RegExp =>
  new RegExp(`^${route.replace(/:[^/]+/g, '[^/]+').replace(/\*$/, '.*')}$`)
