/**
 * How the kernel shares the cores among the processes of one machine.
 *
 * - By default each that wakes takes the core from the one that runs, hundreds of times a second, and each finds its caches cold: at 500 messages a
 *   second api, database and clients on two cores used a third more CPU than with batch scheduling, where whoever runs goes on for its slice,
 *   some 3 ms (sched(7), "SCHED_BATCH"; docs/adr/0018-batch-scheduling.md).
 * - By default each has the same share. No send waits for read models and search, so they have a tenth of the weight of the others, and whatever
 *   these leave of the cores (docs/adr/0021-after-others.md). Linux weighs sessions against each other, and by `nice` the processes within one;
 *   in a cgroup with a share of its own, and without autogroups, by `nice` alone (sched(7), "The autogroup feature"). So both are set.
 */
import { execFile } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { readdir, writeFile } from 'node:fs/promises'
import { getPriority, setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createLine } from '../line.ts'
import { PATIENT_BACKENDS } from '../postgres-client.ts'
import { identify, isStill, type ProcessIdentity } from '../process-identity.ts'

/** Ten of them make a tenth of the weight: 110 instead of 1,024. */
const NICER = 10
/** Than what it was started with. */
const NICE = Math.min(19, getPriority() + NICER)
/** The kernel lets whoever has no CAP_SYS_ADMIN weigh one session a tenth of a second, in the whole machine (EAGAIN). */
const AGAIN_MS = 110
const MOST_TRIES = 50

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
 * For as long as this process lives, it has a tenth of the weight of the others where cores are short. It leads a session of its own.
 *
 * @param what `process and backends`: so have Postgres' processes of those of its connections that go after others. Only where Postgres runs on this
 *   machine and is ours. Connections are made all over the program, and none of their makers knows of this: so they tell a channel.
 */
export function goAfterOthers(what: 'process' | 'process and backends'): void {
  if (process.platform !== 'linux') return
  giveWay(process.pid)
  if (what === 'process and backends') subscribe(PATIENT_BACKENDS, (pid) => giveWay(Number(pid)))
}

const line = createLine(1)

/** Where it may not, or the process has gone, everything works as before. */
function giveWay(pid: number): void {
  const who = identify(pid)
  if (!who) return
  line.inTurn(() => Promise.allSettled([weighThreads(who), weighSession(who)])).catch(() => {})
}

/** Those that it has; what they start has the same. */
async function weighThreads(who: ProcessIdentity): Promise<void> {
  const threads = await readdir(`/proc/${who.pid}/task`)
  if (!isStill(who)) return
  await Promise.allSettled(threads.map(async (thread) => setPriority(Number(thread), NICE)))
}

async function weighSession(who: ProcessIdentity): Promise<void> {
  for (let tries = 1; isStill(who); tries++) {
    try {
      return await writeFile(`/proc/${who.pid}/autogroup`, String(NICER))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || tries === MOST_TRIES) throw error
      await sleep(AGAIN_MS)
    }
  }
}
