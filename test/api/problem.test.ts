/** What becomes of errors on their way out of HTTP, without a server. */
import fastify from 'fastify'
import { expect, test } from 'vitest'
import { handleError } from '../../api/problem.ts'
import { TooManyReads } from '../../ledger/mailbox/stream-reads.ts'

test('a request whose conversation would have to be loaded where too much waits to be is "overloaded", and no failure', async () => {
  const app = fastify()
  app.setErrorHandler(handleError)
  app.get('/', async () => {
    throw new TooManyReads('too many')
  })
  const answer = await app.inject({ url: '/' })
  expect(answer.statusCode).toBe(503)
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
  expect(answer.json()).toMatchObject({ code: 'overloaded', retryable: true })
  await app.close()
})
