/**
 * The one deadline of whoever asks the api, however many time-outs follow each other underneath: there are 10 s for a connection, 35 for
 * a statement, 25 for an append, and several of each for one request. While Postgres stood still, requests had their 503 after 20 to 35 s.
 *
 * What is given up here goes on underneath: an append whose outcome nobody knows yet is repeated until it is known, and a statement keeps its
 * connection until its answer has come, or until the pool closes it. Only nobody waits for it any more.
 */
import type { FastifyInstance, RouteOptions } from 'fastify'
import { inTime } from '../runtime/in-time.ts'
import { NotInTime } from './problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Absent: the deadline. `while-answering`: what is large on a slow machine goes on as long as the database answers. */
    readonly patience?: 'while-answering' | 'of-its-own'
  }
}

/** Our client, and many others, gives up after 10 s: there is time left for the answer to arrive. */
export const ANSWER_WITHIN_MS = 8_000
/** Then it is asked whether the database answers, which takes 3 s at most; and again each time after as long. */
const LOOK_AFTER_MS = 5_000

/** @throws NotInTime */
export const answeredWithin = <T>(ms: number, work: Promise<T>): Promise<T> =>
  inTime(ms, work, () => new NotInTime())

/** For work that may take long, as long as `answers` says so. @throws NotInTime as soon as it does not. */
export function whileAnswering<T>(answers: () => Promise<boolean>, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer = setTimeout(look, LOOK_AFTER_MS)
    let isDone = false
    function look(): void {
      answers().then((does) => {
        if (!does) reject(new NotInTime())
        else if (!isDone) timer = setTimeout(look, LOOK_AFTER_MS)
      }, reject)
    }
    const done = () => {
      isDone = true
      clearTimeout(timer)
    }
    work.then(resolve, reject).finally(done)
  })
}

/** To be called before any route is registered whose requests are to be answered in time. Counted from when all of a request has arrived. */
export function answerInTime(app: FastifyInstance, answers: () => Promise<boolean>): void {
  app.addHook('onRoute', (route: RouteOptions) => {
    // What becomes of a socket is up to its route (`gateway/socket-route.ts`).
    if (route.websocket) return
    const { handler } = route
    const patience = route.config?.patience
    if (patience === 'of-its-own') return
    route.handler = function answeredInTime(request, reply) {
      const answer: unknown = handler.call(this, request, reply)
      if (!(answer instanceof Promise)) return answer
      return patience === undefined
        ? answeredWithin(ANSWER_WITHIN_MS, answer)
        : whileAnswering(answers, answer)
    }
  })
}
