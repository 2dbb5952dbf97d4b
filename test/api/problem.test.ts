/** What becomes of errors on their way out of HTTP, without a server. */
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import fastify from 'fastify'
import { expect, test } from 'vitest'
import { createErrorHandler, handleUnreadable } from '../../api/problem.ts'
import { TooManyReads } from '../../ledger/mailbox/stream-reads.ts'

test('a request whose conversation would have to be loaded where too much waits to be is "overloaded", and no failure', async () => {
  const app = fastify()
  app.setErrorHandler(createErrorHandler(() => {}))
  app.get('/', async () => {
    throw new TooManyReads('too many')
  })
  const answer = await app.inject({ url: '/' })
  expect(answer.statusCode).toBe(503)
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
  expect(answer.json()).toMatchObject({ code: 'overloaded', retryable: true })
  await app.close()
})

test.each([
  ['ERR_HTTP_REQUEST_TIMEOUT', 503, 'unavailable', true],
  ['HPE_HEADER_OVERFLOW', 413, 'too_large', false],
  ['HPE_INVALID_METHOD', 400, 'bad_frame', false],
])('what never became a request is answered by hand: %s', async (code, status, told, retryable) => {
  const socket = new PassThrough()
  handleUnreadable({ code }, socket as never)
  const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n')
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(JSON.parse(body)).toMatchObject({ status, code: told, retryable })
})
