/**
 * How the kernel shares the cores among the processes of one machine (docs/adr/0018-batch-scheduling.md).
 *
 * - By default each that wakes takes the core from the one that runs, hundreds of times a second, and each finds its caches cold: at 500 messages a
 *   second api, database and clients on two cores used a third more CPU than with batch scheduling, where whoever runs goes on for its slice,
 *   some 3 ms. sched(7), "SCHED_BATCH".
 * - By default each has the same share. A tick does not wait for read models and search, so they have a tenth of the weight of those it waits for,
 *   and whatever these leave of the cores. sched(7), "Autogroup": the kernel weighs sessions against each other, and `nice` within one.
 */
import { execFile } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
import { setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createLine } from '../line.ts'
import { patientBackends } from '../postgres-client.ts'

/** 110 where others weigh 1,024. */
const NICE = 10

/**
 * This process with all its threads, and what it starts from now on. Node has no call for it, so `chrt` of util-linux; where
 * there is none, or it may not, everything works as before.
 *
 * @returns whether it is so now
 */
export async function scheduleAsBatch(): Promise<boolean> {
  if (process.platform !== 'linux') return false
  try {
    await promisify(execFile)('chrt', ['--all-tasks', '--batch', '--pid', '0', String(process.pid)])
    return true
  } catch {
    return false
  }
}

/**
 * For as long as this process lives: whoever else wants a core has it first, as a rule. The process leads a session of its own.
 *
 * @param what `process and backends`: also Postgres' processes of its connections that say so. Only where Postgres runs on this machine and is ours.
 */
export function goAfterOthers(what: 'process' | 'process and backends'): void {
  if (process.platform !== 'linux') return
  giveWay(process.pid)
  if (what === 'process') return
  patientBackends.subscribe((pid) => giveWay(Number(pid)))
}

/** One after another: see `AGAIN_MS`. */
const line = createLine(1)
/** The kernel lets whoever is not root weigh one session a tenth of a second, in the whole machine (EAGAIN). */
const AGAIN_MS = 110
const MOST_TRIES = 50

/** Where it may not, or the process has gone, everything works as before. */
function giveWay(pid: number): void {
  line.inTurn(() => weighThreads(pid).then(() => weighSession(pid))).catch(() => {})
}

/** Those that it has; more take after them. */
async function weighThreads(pid: number): Promise<void> {
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    try {
      setPriority(Number(thread), NICE)
    } catch (error) {
      if (!isGone(error)) throw error
    }
  }
}

const isGone = (error: unknown): boolean => (error as { info?: { code?: unknown } }).info?.code === 'ESRCH'

async function weighSession(pid: number): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await writeFile(`/proc/${pid}/autogroup`, String(NICE))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || tries === MOST_TRIES) throw error
      await sleep(AGAIN_MS)
    }
  }
}
