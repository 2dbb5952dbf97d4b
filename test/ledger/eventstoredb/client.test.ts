/** What the client's own `appendToStream` does, and why the adapter makes the call itself (`append-call.ts`). */

import { setTimeout as sleep } from 'node:timers/promises'
import { EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client'
import { expect, onTestFinished, test } from 'vitest'
import { PATIENT, simulate } from './kit.ts'

test('a reply to an append that was given up with those of another client ends the process', async () => {
  const [one, other] = [await simulate(), await simulate()]
  const [cut, slow] = [one, other].map(({ url }) => EventStoreDBClient.connectionString(url))
  onTestFinished(async () => {
    await Promise.all([cut?.dispose(), slow?.dispose()])
  })
  const append = (client: EventStoreDBClient | undefined, stream: string) =>
    client?.appendToStream(stream, jsonEvent({ type: 'Counted', data: {} }), {
      expectedRevision: NO_STREAM,
    })
  await append(slow, 'a')
  const known = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  onTestFinished(() => {
    process.removeAllListeners('unhandledRejection')
    for (const listener of known) process.on('unhandledRejection', listener)
  })
  const fatal: unknown[] = []
  process.on('unhandledRejection', (error) => fatal.push(error))
  other.faults.freeze()
  const waiting = append(slow, 'b')?.catch(() => {})
  await sleep(20)
  one.faults.onAppend({ kind: 'cut', when: 'after' })
  await append(cut, 'b')?.catch(() => {})
  await waiting
  other.faults.thaw()
  await expect.poll(() => fatal.length, PATIENT).toBeGreaterThan(0)
  expect(String(fatal[0])).toMatch(/not iterable/)
})
