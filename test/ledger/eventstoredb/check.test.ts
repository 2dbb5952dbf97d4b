import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { checkEventStore } from '../../../ledger/eventstoredb/check.ts'
import { StartProblem } from '../../../runtime/problem.ts'
import { simulate } from './kit.ts'

test('a server that answers lets us in', async () => {
  const { url } = await simulate()
  await expect(checkEventStore(url)).resolves.toBeUndefined()
})

test('of one that takes the connection and is silent it is told in time, without the password', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const failure = await checkEventStore(`esdb://admin:hunter2@127.0.0.1:${port}?tls=false`, 100).catch(
    (error: unknown) => error,
  )
  expect(failure).toBeInstanceOf(StartProblem)
  expect(String(failure)).toContain(`EventStoreDB at 127.0.0.1:${port} does not let us in: no answer`)
  expect(String(failure)).not.toContain('hunter2')
})

test('what the client itself refuses is a problem too', async () => {
  await expect(checkEventStore('esdb://127.0.0.1:1?tls=true&tlsCAFile=/nowhere.pem')).rejects.toThrow(
    /127\.0\.0\.1:1 does not let us in: .*certificate/,
  )
})
