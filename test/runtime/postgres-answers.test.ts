import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, inject, test } from 'vitest'
import { createPostgresAnswers } from '../../runtime/postgres-answers.ts'
import { openSilentNetwork } from '../support/silent-network.ts'

test('a server that takes connections and says nothing does not answer; one that goes on, or refuses for itself, does', async () => {
  const network = await openSilentNetwork(inject('postgresUrl'))
  const answers = () => createPostgresAnswers(network.url)()
  expect(await answers()).toBe(true)
  network.standStill()
  expect(await answers()).toBe(false)
  network.goOn()
  expect(await answers()).toBe(true)
  await network.close()
  const url = new URL(inject('postgresUrl'))
  url.pathname = '/there_is_no_such_database'
  expect(await createPostgresAnswers(url.href)()).toBe(true)
})

test('where nobody listens, nobody answers', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  server.close()
  await once(server, 'close')
  expect(await createPostgresAnswers(`postgres://nobody@127.0.0.1:${port}/none`)()).toBe(false)
})
