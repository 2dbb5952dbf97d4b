/** What the ledger does while its server is away, frozen, or no longer the leader. */

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { BEGINNING, NO_STREAM } from '../../../ledger/ledger.ts'
import { startSimulator } from '../../support/eventstoredb/simulator.ts'
import { freePort } from '../../support/free-port.ts'
import { startSimulatorProcess } from '../../support/simulator-process.ts'
import {
  anEvent,
  collect,
  follow,
  idsOf,
  revisionOf,
  settle,
  someEvents,
  streamOf,
  written,
} from '../contract/kit.ts'
import { open, PATIENT, simulate } from './kit.ts'

const A = streamOf('conversation-a')

test('an append that finds no server is refused for now: nothing was sent', async () => {
  const ledger = open(`esdb://127.0.0.1:${await freePort()}?tls=false`)
  expect(await ledger.append(A, [anEvent()], NO_STREAM)).toMatchObject({ kind: 'refused', retryable: true })
})

test('a ping rejects when no server answers', async () => {
  const ledger = open(`esdb://127.0.0.1:${await freePort()}?tls=false`)
  await expect(ledger.ping()).rejects.toThrow()
})

test('a ledger that was opened before its server works as soon as that is there', async () => {
  const port = await freePort()
  const ledger = open(`esdb://127.0.0.1:${port}?tls=false`)
  expect((await ledger.append(A, [anEvent()], NO_STREAM)).kind).toBe('refused')
  const follower = follow(ledger, { after: BEGINNING, prefixes: ['conversation-'] })
  await simulate({ port })
  await expect
    .poll(async () => (await ledger.append(A, [anEvent()], NO_STREAM)).kind, PATIENT)
    .toBe('written')
  await follower.until(() => follower.events.length > 0)
  await follower.stop()
})

test('a cluster that cannot be discovered at first is discovered later', async () => {
  const port = await freePort()
  const hosts = `127.0.0.1:${port},127.0.0.1:${await freePort()}`
  const ledger = open(`esdb://${hosts}?tls=false&maxDiscoverAttempts=1&discoveryInterval=10`)
  expect(await ledger.append(A, [anEvent()], NO_STREAM)).toMatchObject({ kind: 'refused', retryable: true })
  const follower = follow(ledger, { after: 'end', prefixes: ['conversation-'] })
  await sleep(100)
  await simulate({ port })
  await follower.until(() => follower.caughtUpAt.length > 0)
  await expect
    .poll(async () => (await ledger.append(A, [anEvent()], NO_STREAM)).kind, PATIENT)
    .toBe('written')
  await follower.until(() => follower.events.length > 0)
  await follower.stop()
})

test('a server that freezes makes appends ambiguous, and their repeats exact when it goes on', async () => {
  const simulator = await simulate()
  const ledger = open(simulator.url, { appendTimeoutMs: 150 })
  written(await settle(ledger, A, [anEvent()], NO_STREAM))
  simulator.faults.freeze()
  const events = someEvents(2)
  expect((await ledger.append(A, events, revisionOf(0))).kind).toBe('ambiguous')
  simulator.faults.thaw()
  expect(written(await settle(ledger, A, events, revisionOf(0))).revision).toBe(2)
  expect(simulator.log.stream(A)).toHaveLength(3)
})

test('a read of a server that freezes fails within its time', async () => {
  const simulator = await simulate()
  const ledger = open(simulator.url, { readTimeoutMs: 50 })
  await ledger.append(A, [anEvent()], NO_STREAM)
  // Once it is connected: at times the machine alone takes longer.
  await expect.poll(() => collect(ledger.readStream(A)).catch(() => []), PATIENT).toHaveLength(1)
  simulator.faults.freeze()
  await expect(collect(ledger.readStream(A))).rejects.toThrow(/no answer/)
  await expect(ledger.ping()).rejects.toThrow(/no answer/)
})

test('a read goes on where it was when the connection is cut in the middle of it', async () => {
  const simulator = await simulate()
  const ledger = open(simulator.url)
  for (let n = 0; n < 6; n++) await ledger.append(A, someEvents(500), revisionOf(n * 500 - 1))
  const seen: number[] = []
  for await (const event of ledger.readStream(A)) {
    if (event.revision % 700 === 699) simulator.faults.cutConnections()
    seen.push(event.revision)
  }
  expect(seen).toEqual(Array.from({ length: 3000 }, (_, n) => n))
  const all: bigint[] = []
  for await (const event of ledger.readAll({ prefixes: ['conversation-'] })) {
    if (all.length === 1200) simulator.faults.cutConnections()
    all.push(event.position)
  }
  expect(all).toEqual(simulator.log.stream(A).map((event) => BigInt(event.position)))
})

test('a consumer that stands still is sent no more than its buffers hold', async () => {
  const simulator = await simulate()
  const ledger = open(simulator.url)
  const follower = follow(ledger, {
    after: BEGINNING,
    prefixes: ['conversation-'],
    onStep: () => new Promise(() => {}),
  })
  for (let n = 0; n < 40; n++) await ledger.append(A, someEvents(500), revisionOf(n * 500 - 1))
  await sleep(300)
  // Two buffers of 500, and what fits into the windows of the connection.
  expect(simulator.calls.followed).toBeLessThan(5_000)
  expect(follower.events.length).toBeLessThanOrEqual(500)
})

test('when the leader changes, appends are ambiguous once, go to the new leader, and are written once', async () => {
  const old = await simulate()
  const next = await simulate({ log: old.log })
  const ledger = open(old.url)
  await ledger.append(A, [anEvent()], NO_STREAM)
  old.faults.loseLeadership({ host: next.host, port: next.port })
  const events = someEvents(2)
  expect((await ledger.append(A, events, revisionOf(0))).kind).toBe('ambiguous')
  expect(written(await ledger.append(A, events, revisionOf(0))).revision).toBe(2)
  expect(next.calls.batched).toBe(1)
  expect(await collect(ledger.readStream(A))).toHaveLength(3)
})

test('a cluster is asked for its leader, and appends go there', async () => {
  const leader = await simulate()
  const follower = await simulate({ log: leader.log })
  follower.faults.loseLeadership({ host: leader.host, port: leader.port })
  const ledger = open(`esdb://${follower.host}:${follower.port},${leader.host}:${leader.port}?tls=false`)
  written(await ledger.append(A, [anEvent()], NO_STREAM))
  expect(leader.calls.batched).toBe(1)
  expect(follower.calls.batched).toBe(0)
})

test('a stream with a tombstone refuses appends for good', async () => {
  const simulator = await simulate()
  const ledger = open(simulator.url)
  await ledger.append(A, [anEvent()], NO_STREAM)
  simulator.log.tombstone(A, 'any')
  expect(await ledger.append(A, [anEvent()], revisionOf(0))).toMatchObject({
    kind: 'refused',
    retryable: false,
  })
})

test('close answers what is under way even if the server does not', async () => {
  const simulator = await simulate()
  const ledger = open(simulator.url, { appendTimeoutMs: 200 })
  await ledger.append(A, [anEvent()], NO_STREAM)
  simulator.faults.freeze()
  const waiting = ledger.append(A, [anEvent()], revisionOf(0))
  await ledger.close()
  expect((await waiting).kind).toBe('ambiguous')
})

test('close leaves nothing that keeps a server from stopping', async () => {
  const simulator = await startSimulator()
  const ledger = open(simulator.url)
  const follower = follow(ledger, { after: BEGINNING })
  await ledger.append(A, [anEvent()], NO_STREAM)
  await follower.until(() => follower.events.length > 0)
  await ledger.close()
  await follower.ended
  await expect.poll(() => simulator.connections(), PATIENT).toBe(0)
  await simulator.stop()
})

test('a server process that is stopped and goes on loses no append and no event', async () => {
  const server = await startSimulatorProcess()
  onTestFinished(() => server.stop())
  const ledger = open(server.url, { appendTimeoutMs: 200 })
  const follower = follow(ledger, { after: BEGINNING, prefixes: ['conversation-'] })
  const first = someEvents(3)
  written(await settle(ledger, A, first, NO_STREAM))
  server.signal('SIGSTOP')
  const second = someEvents(3)
  expect((await ledger.append(A, second, revisionOf(2))).kind).toBe('ambiguous')
  server.signal('SIGCONT')
  expect(written(await settle(ledger, A, second, revisionOf(2))).revision).toBe(5)
  await follower.until(() => follower.events.length >= 6)
  await follower.stop()
  expect(idsOf(follower.events)).toEqual(idsOf([...first, ...second]))
})

test('faults reach a server process, too', async () => {
  const server = await startSimulatorProcess()
  onTestFinished(() => server.stop())
  const ledger = open(server.url)
  server.faults.onAppend({ kind: 'unwilling', answer: 'Server Is Busy' })
  await sleep(50)
  expect(await ledger.append(A, [anEvent()], NO_STREAM)).toMatchObject({ kind: 'refused', retryable: true })
  expect((await ledger.append(A, [anEvent()], NO_STREAM)).kind).toBe('written')
})
