/** Measures what an idle socket costs the process that serves it: resident memory with and without many of them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { forkBenchChild } from '../child-process.ts'
import { apiProcessUnder, residentBytes } from '../machine/processes.ts'
import { unsignedToken } from '../relay/unsigned-token.ts'
import type { BenchContext, SystemUnderTest } from '../system-under-test.ts'
import type { IdleMessage, IdleOrder } from './main.ts'

export interface IdleResult {
  readonly sockets: number
  /** Of the system's api process. */
  readonly bytesPerSocket: number
  /** Of a bare `ws` server. */
  readonly bareBytesPerSocket: number
  readonly ratio: number
}

/** Opened first and not counted: pools and caches fill, code is compiled, the heap finds its size. */
const WARM_UP_SOCKETS = 300
/** For the garbage of connecting to be collected. */
const SETTLE_MS = 5_000

export async function measureIdle(
  sockets: number,
  system: SystemUnderTest,
  context: BenchContext,
): Promise<IdleResult> {
  const apiPid = apiProcessUnder(system.pid)
  if (apiPid === undefined) throw new Error('memory of other processes is read from /proc: Linux only')
  const bytesPerSocket = await perSocket(sockets, system.url, apiPid, (id) => system.tokenFor(id), context)

  const relay = forkBenchChild<{ url: string }>('relay/main.js')
  context.onEnd(relay.stop)
  const { url } = await relay.next()
  const bareBytesPerSocket = await perSocket(
    sockets,
    url,
    relay.pid,
    async (id) => unsignedToken(id),
    context,
  )
  await relay.stop()
  return { sockets, bytesPerSocket, bareBytesPerSocket, ratio: bytesPerSocket / bareBytesPerSocket }
}

async function perSocket(
  count: number,
  url: string,
  pid: number,
  tokenFor: (userId: string) => Promise<string>,
  context: BenchContext,
): Promise<number> {
  const opener = forkBenchChild<IdleMessage>('idle/main.js')
  context.onEnd(opener.stop)
  const open = async (from: number, to: number) => {
    const ids = Array.from({ length: to - from }, (_, index) => `idle.${from + index}`)
    opener.send({ url, tokens: await Promise.all(ids.map(tokenFor)) } satisfies IdleOrder)
    const message = await opener.next()
    if (message.kind === 'failed') throw new Error(`opening idle sockets: ${message.reason}`)
    await sleep(SETTLE_MS)
    return residentBytes(pid) ?? 0
  }
  try {
    const before = await open(0, WARM_UP_SOCKETS)
    const after = await open(WARM_UP_SOCKETS, WARM_UP_SOCKETS + count)
    return (after - before) / count
  } finally {
    await opener.stop()
  }
}
