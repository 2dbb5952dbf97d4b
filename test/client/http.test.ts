/** The HTTP side of the client: what it asks and how it fails. */
import { afterEach, expect, test } from 'vitest'
import { createHttpClient } from '../../client/http.ts'
import type { ConversationId, Seq } from '../../domain/ids.ts'
import { type FakeBehaviour, type FakeServer, startFakeServer } from './fake-server.ts'

let server: FakeServer | undefined
afterEach(async () => {
  await server?.stop()
})

async function ask(onRequest: NonNullable<FakeBehaviour['onRequest']>, timeoutMs = 20_000) {
  server = await startFakeServer({ onRequest })
  return createHttpClient({ url: server.url, token: 'a.b.c', timeoutMs })
}

test('a problem is told with its code, and whether later may be better', async () => {
  const http = await ask((_request, response) => {
    response.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '2' })
    response.end(JSON.stringify({ code: 'overloaded', title: 'full', detail: 'come back' }))
  })
  await expect(http.startDirect('ben')).rejects.toMatchObject({
    code: 'overloaded',
    retryable: true,
    retryAfterMs: 2000,
    message: 'overloaded: come back',
  })
})

test('requests carry the token and ask what the protocol names', async () => {
  const asked: string[] = []
  const http = await ask((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`)
    response.end(JSON.stringify({ messages: [], receipts: [] }))
  })
  const id = 'c1' as ConversationId
  await http.startGroup(['ben'], 'Soup')
  await http.addMembers(id, ['cleo'])
  await http.history(id, 4 as Seq, 10)
  await http.receipts(id, 5 as Seq)
  expect(asked).toEqual([
    'POST /v1/conversations Bearer a.b.c',
    'POST /v1/conversations/c1/members Bearer a.b.c',
    'GET /v1/conversations/c1/messages?after=4&limit=10 Bearer a.b.c',
    'GET /v1/conversations/c1/messages/5/receipts Bearer a.b.c',
  ])
})

test('no answer in time is a timeout, no server is unreachable', async () => {
  // It never answers, however long one waits.
  const silent = await ask(() => {}, 500)
  await expect(silent.startDirect('ben')).rejects.toMatchObject({ code: 'timeout', retryable: true })
  const nobody = createHttpClient({ url: 'http://127.0.0.1:1', token: 'x' })
  await expect(nobody.startDirect('ben')).rejects.toMatchObject({ code: 'unreachable', retryable: true })
})
