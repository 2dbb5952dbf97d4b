/** Measures idle sockets on the nodes of one system: what each costs in memory, how long all take to connect, how soon a message reaches one. */
import { type BenchChild, forkBenchChild } from '../child-process.ts'
import type { Person } from '../crowd/socket.ts'
import { type Memory, memoryOf } from '../machine/collect.ts'
import type { BenchContext } from '../system-under-test.ts'
import type { IdleLatency, IdleMessage, IdleOrder } from './settings.ts'

/** A process that serves sockets. */
export interface IdleNode {
  readonly url: string
  readonly pid: number
}

export interface IdleSystem {
  /** At least one; they share the sockets evenly. */
  readonly nodes: readonly IdleNode[]
  /** Where the writer connects, whose messages go to people of the last node. */
  readonly writesTo: string
  /** `127.0.<n>`, different for each system, so that no port waits for its last connection to be forgotten. */
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
 * Opened first at each node and not counted: code is compiled, the young generation grows to its 128 MB, and what is kept of people is kept of
 * as many as ever (`USERS_IN_MEMORY` of the api: 2,000). With 300 of them these stood in the figures of 10,000 sockets with 8 kB each.
 */
export const WARM_UP_SOCKETS = 2_500
/** Sockets that come from one address, and of one process: below the ports of an address (28,232) and its file descriptors. */
const SOCKETS_A_PROCESS = 8_000

export async function measureIdle(
  sockets: number,
  tries: number,
  system: IdleSystem,
  context: BenchContext,
): Promise<IdleRun> {
  const { nodes, network } = system
  const openers: Opener[] = []
  let met = 0
  const people = (count: number): Promise<Person[]> =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const userId = `idle.${met++}`
        return { userId, token: await system.tokenFor(userId) }
      }),
    )
  const open = async (url: string, crowd: readonly Person[]): Promise<void> => {
    const opener = startOpener(context)
    openers.push(opener)
    await opener.ask({ kind: 'open', url, people: crowd, localAddress: `${network}.${openers.length}` })
  }
  const memory = async (): Promise<Memory> => {
    await system.settled()
    const ofEach = await Promise.all(nodes.map(({ pid }) => memoryOf(pid)))
    return {
      living: ofEach.reduce((sum, { living }) => sum + living, 0),
      resident: ofEach.reduce((sum, { resident }) => sum + resident, 0),
    }
  }

  try {
    const warmUp = Math.min(WARM_UP_SOCKETS, Math.ceil(sockets / nodes.length))
    for (const { url } of nodes) await open(url, await people(warmUp))
    const before = await memory()

    const crowds: { readonly url: string; readonly people: readonly Person[] }[] = []
    for (const [index, { url }] of nodes.entries()) {
      for (let left = shareOf(sockets, nodes.length, index); left > 0; left -= SOCKETS_A_PROCESS)
        crowds.push({ url, people: await people(Math.min(SOCKETS_A_PROCESS, left)) })
    }
    const began = performance.now()
    await Promise.all(crowds.map((crowd) => open(crowd.url, crowd.people)))
    const connectSeconds = (performance.now() - began) / 1000
    const after = await memory()

    const writer = { userId: 'idle.writer', token: await system.tokenFor('idle.writer') }
    const told = await openers.at(-1)?.ask({ kind: 'write', url: system.writesTo, writer, tries })
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

/** Of so many, as evenly as whole ones can be shared. */
const shareOf = (sockets: number, nodes: number, index: number): number =>
  Math.floor((sockets * (index + 1)) / nodes) - Math.floor((sockets * index) / nodes)

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
