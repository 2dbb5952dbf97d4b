import fastify from 'fastify'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { answerInTime, whileAnswering } from '../../api/answer-in-time.ts'
import { createErrorHandler } from '../../api/problem.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const never = () => new Promise<never>(() => {})
const answerAfter = (ms: number) => new Promise<string>((resolve) => setTimeout(() => resolve('there'), ms))

/** Requests to three routes, none of which is done in time. */
async function served(answers: () => Promise<boolean>, workMs: number) {
  const reported: unknown[] = []
  const app = fastify()
  app.setErrorHandler(createErrorHandler((error) => reported.push(error)))
  answerInTime(app, answers)
  const work = () => answerAfter(workMs)
  app.get('/short', work)
  app.get('/long', { config: { patience: 'while-answering' } }, work)
  app.get('/own', { config: { patience: 'of-its-own' } }, work)
  await app.ready()
  return { app, reported }
}

test('a request is told within 8 s that nothing answers, to come again, and that is reported', async () => {
  const { app, reported } = await served(async () => true, 60_000)
  const asking = app.inject('/short')
  await vi.advanceTimersByTimeAsync(8_000)
  const answer = await asking
  expect(answer.statusCode).toBe(503)
  expect(answer.headers['content-type']).toMatch('application/problem+json')
  expect(answer.json()).toMatchObject({ status: 503, code: 'unavailable', retryable: true })
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
  expect(reported).toHaveLength(1)
  // The work ends all the same, and nobody is answered twice.
  await vi.advanceTimersByTimeAsync(60_000)
  await app.close()
})

test('what is large takes its time while the database answers, and what has a patience of its own in any case', async () => {
  const { app } = await served(async () => true, 60_000)
  const asking = Promise.all([app.inject('/long'), app.inject('/own')])
  await vi.advanceTimersByTimeAsync(60_000)
  expect((await asking).map(({ statusCode, body }) => [statusCode, body])).toEqual([
    [200, 'there'],
    [200, 'there'],
  ])
  await app.close()
})

test('what is large is given up as soon as the database does not answer, also in the middle of it', async () => {
  let answers = true
  const { app } = await served(async () => answers, 60_000)
  const asking = app.inject('/long')
  await vi.advanceTimersByTimeAsync(30_000)
  answers = false
  await vi.advanceTimersByTimeAsync(5_000)
  expect((await asking).json()).toMatchObject({ status: 503, code: 'unavailable' })
  await app.close()
})

test('nobody asks whether the database answers before 5 s, nor after the work is done', async () => {
  const answers = vi.fn(async () => true)
  const quick = whileAnswering(answers, answerAfter(4_900))
  await vi.advanceTimersByTimeAsync(20_000)
  await quick
  expect(answers).not.toHaveBeenCalled()
  const slow = whileAnswering(answers, answerAfter(5_100))
  await vi.advanceTimersByTimeAsync(20_000)
  await slow
  expect(answers).toHaveBeenCalledOnce()
})

test('what fails does so at once, and while it is asked whether the database answers too', async () => {
  await expect(whileAnswering(never, Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  const work = new Promise((_resolve, reject) => setTimeout(() => reject(new Error('later')), 6_000))
  const failed = expect(whileAnswering(never, work)).rejects.toThrow('later')
  await vi.advanceTimersByTimeAsync(6_000)
  await failed
})
