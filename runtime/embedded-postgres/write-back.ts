/**
 * Has the disk written a little at a time. Postgres grows its files page by page, and Linux writes what they grew by once it is 30 s
 * old, all in one go: 25 MB every 5 s at 1,000 messages a second. An append whose fsync came just then waited 60 to 350 ms for
 * it, ten times as long as otherwise, and with it everybody (docs/performance.md). Syncing the files that have
 * changed twice a second leaves Linux nothing to put off. Durability does not depend on it: that is the WAL's.
 */
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const EVERY_MS = 500
/** Most of a database's files never change: only every so many rounds are all of them looked at, else those that changed since. */
const ROUNDS_FOR_ALL = 10

export interface WriteBack {
  stop(): Promise<void>
}

/** @param cluster Postgres' data directory. */
export function startWriteBack(cluster: string): WriteBack {
  if (process.platform !== 'linux') return { stop: async () => {} }
  const stopping = new AbortController()
  const { signal } = stopping
  /** Modification times as they were before the last sync of each file. */
  const synced = new Map<string, number>()
  let changing = new Set<string>()

  async function run(): Promise<void> {
    for (let round = 0; !signal.aborted; round++) {
      const looksAtAll = round % ROUNDS_FOR_ALL === 0
      const files = looksAtAll ? await filesOf(join(cluster, 'base')) : changing
      if (looksAtAll) {
        changing = new Set()
        for (const file of synced.keys()) if (!files.has(file)) synced.delete(file)
      }
      for (const file of files) {
        if (signal.aborted) return
        // Tables come and go; what cannot be synced by us, Linux writes as ever.
        if (await syncIfChanged(file).catch(() => false)) changing.add(file)
      }
      await sleep(EVERY_MS, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  async function syncIfChanged(file: string): Promise<boolean> {
    const { mtimeMs } = await stat(file)
    const before = synced.get(file)
    synced.set(file, mtimeMs)
    // What was there at the start may be old, and written long since.
    if (before === undefined || before === mtimeMs) return false
    const handle = await open(file, 'r')
    await handle.datasync().finally(() => handle.close())
    return true
  }

  const finished = run()
  return {
    async stop() {
      stopping.abort()
      await finished
    },
  }
}

async function filesOf(folder: string): Promise<Set<string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile())
  return new Set(files.map(({ parentPath, name }) => join(parentPath, name)))
}
