/** Measures idle sockets on one server: what each costs in memory, how long all take to connect, how soon a message reaches one. */
import { type BenchChild, forkBenchChild } from '../child-process.ts'
import type { Person } from '../crowd/socket.ts'
import { memoryOf } from '../machine/collect.ts'
import type { BenchContext } from '../system-under-test.ts'
import type { IdleLatency, IdleMessage, IdleOrder } from './settings.ts'

export interface IdleServer {
  readonly url: string
  readonly pid: number
  /** Different for each server, so that no port waits for its last connection to be forgotten. */
  readonly network: string
  tokenFor(userId: string): Promise<string>
  /** Resolves when what connecting has caused is done. */
  settled(): Promise<void>
}

export interface IdleRun extends IdleLatency {
  readonly sockets: number
  /** Of what lives, once garbage is collected. */
  readonly bytesPerSocket: number
  /** Of what is resident: nothing to compare by, since V8 keeps up to 128 MB for later and gives them back when it likes. */
  readonly residentPerSocket: number
  readonly connectSeconds: number
}

/**
 * Opened first and not counted: code is compiled, the young generation grows to its 128 MB, and what is kept of people is kept of
 * as many as ever (`USERS_IN_MEMORY` of the api: 2,000). With 300 of them these stood in the figures of 10,000 sockets with 8 kB each.
 */
export const WARM_UP_SOCKETS = 2_500
/** Sockets that come from one address, and of one process: below the ports of an address (28,232) and its file descriptors. */
const SOCKETS_A_PROCESS = 8_000

export async function measureIdle(
  sockets: number,
  tries: number,
  server: IdleServer,
  context: BenchContext,
): Promise<IdleRun> {
  const { url, pid, network } = server
  const openers: Opener[] = []
  const people = (from: number, count: number): Promise<Person[]> =>
    Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const userId = `idle.${from + index}`
        return { userId, token: await server.tokenFor(userId) }
      }),
    )
  const opener = (): Opener => {
    const started = startOpener(context)
    openers.push(started)
    return started
  }

  try {
    const warmUp = await people(0, Math.min(WARM_UP_SOCKETS, sockets))
    await opener().ask({ kind: 'open', url, people: warmUp, localAddress: `${network}.1` })
    await server.settled()
    const before = await memoryOf(pid)

    const crowds: Person[][] = []
    for (let from = 0; from < sockets; from += SOCKETS_A_PROCESS)
      crowds.push(await people(WARM_UP_SOCKETS + from, Math.min(SOCKETS_A_PROCESS, sockets - from)))
    const began = performance.now()
    const opening = crowds.map((crowd, index) =>
      opener().ask({ kind: 'open', url, people: crowd, localAddress: `${network}.${index + 2}` }),
    )
    await Promise.all(opening)
    const connectSeconds = (performance.now() - began) / 1000
    await server.settled()
    const after = await memoryOf(pid)

    const writer = { userId: 'idle.writer', token: await server.tokenFor('idle.writer') }
    const told = await openers.at(-1)?.ask({ kind: 'write', url, writer, tries })
    if (told?.kind !== 'written') throw new Error('nothing was written')
    return {
      ...told.run,
      sockets,
      bytesPerSocket: (after.living - before.living) / sockets,
      residentPerSocket: (after.resident - before.resident) / sockets,
      connectSeconds,
    }
  } finally {
    await Promise.all(openers.map(({ stop }) => stop()))
  }
}

interface Opener {
  ask(order: IdleOrder): Promise<IdleMessage>
  stop(): Promise<void>
}

function startOpener(context: BenchContext): Opener {
  const child: BenchChild<IdleMessage> = forkBenchChild('idle/main.js')
  context.onEnd(child.stop)
  return {
    ask: async (order) => {
      child.send(order)
      const message = await child.next()
      if (message.kind === 'failed') throw new Error(`idle: ${message.reason}`)
      return message
    },
    stop: child.stop,
  }
}
