/**
 * Preloaded into a process whose memory is measured (`node --import`): when it is told to (SIGUSR2), it collects its garbage and
 * writes down what is left. Of a server that has just met thousands of people most of what is resident is garbage and the room that
 * V8 keeps for more, up to 128 MB for the young generation alone; neither belongs to a socket.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Before the last two. More than one: what a finaliser frees was all that kept something else. */
const COLLECTIONS = 2
const BETWEEN_MS = 1_000
const PATIENCE_MS = 30_000

const fileOf = (pid: number): string => join(tmpdir(), `triptick-bench-living.${pid}`)

/** Bytes of one process. */
export interface Memory {
  /** In use in V8's heap after a collection, and outside of it for objects in it. What a socket costs shows here alone. */
  readonly living: number
  /** Resident: with what the libraries and the kernel's sockets take, and all that V8 keeps for later or has not given back yet. */
  readonly resident: number
}

/** Looks right after the last collection: a heartbeat of a node of 12,500 people leaves 8 MB of garbage, 800 bytes for each of 10,000 sockets. */
async function measure(): Promise<Memory> {
  const collect = runInNewContext('gc') as () => void
  for (let n = 0; n < COLLECTIONS; n++) {
    collect()
    await sleep(BETWEEN_MS)
  }
  // Buffers that the first of these finds unused are freed beside the program, and counted until the second, which waits for that.
  collect()
  collect()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { living: heapUsed + external, resident: rss }
}

/** For the preloaded process itself. */
export function listenForCollect(): void {
  setFlagsFromString('--expose-gc')
  process.on('SIGUSR2', async () => {
    const file = fileOf(process.pid)
    writeFileSync(`${file}.new`, JSON.stringify(await measure()))
    renameSync(`${file}.new`, file)
  })
}

/** Asks a process that listens. @throws if it does not answer in half a minute, is not there, or `signal` is aborted. */
export async function memoryOf(pid: number, signal?: AbortSignal): Promise<Memory> {
  const file = fileOf(pid)
  process.kill(pid, 'SIGUSR2')
  for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; ) {
    await sleep(100, undefined, { signal })
    try {
      const memory = JSON.parse(readFileSync(file, 'utf8')) as Memory
      rmSync(file)
      return memory
    } catch {
      // Not there yet.
    }
  }
  throw new Error('the process whose memory is measured does not say how much lives in it')
}
