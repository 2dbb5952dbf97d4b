/**
 * Has the disk written a little at a time: syncs a file of the embedded Postgres whenever it has grown by so much. Never touches
 * the WAL, nor a database that is not ours. Why, and what was measured: `docs/adr/0019-written-back-a-little-at-a-time.md`.
 */
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const EVERY_MS = 500
/** Most files never grow: all are looked at only once in so many rounds, and in between those that had grown at the last look. */
const ROUNDS_FOR_ALL = 10
/**
 * By bytes, not by time: a sync costs a flush of the disk, 2 ms, whatever it writes. Twice a second for every file that had changed, some 30
 * flushes a second, took 7 % of the closed loop (`bench lives`: 3,321 messages/s, and 3,586 with this).
 */
const GROWN_BYTES = 1024 * 1024

/** Databases by their number, and in them tables and indexes, a file for each gigabyte; no temporary ones, which need never reach the disk. */
const DATABASE = /^\d+$/
const RELATION = /^\d+(_fsm|_vm|_init)?(\.\d+)?$/

export interface WriteBack {
  /** No sync begins after this; resolves when none is under way. */
  stop(): Promise<void>
}

/**
 * @param cluster Postgres' data directory.
 * @param onLost the disk has refused what Postgres had written. The kernel tells that once: Postgres, whose next sync would have
 * been told, may never hear of it, and has to begin again from its WAL. Called once, and nothing is synced any more.
 */
export function startWriteBack(cluster: string, onLost: (error: unknown) => void): WriteBack {
  // Other systems do not put writes off for so long.
  if (process.platform !== 'linux') return { stop: async () => {} }
  const stopping = new AbortController()
  const { signal } = stopping
  /** Sizes at the last sync, or when they were first seen. */
  const synced = new Map<string, number>()

  async function run(): Promise<void> {
    let growing: string[] = []
    for (let round = 0; !signal.aborted; round++) {
      const looksAtAll = round % ROUNDS_FOR_ALL === 0
      const files = looksAtAll ? await relationsOf(cluster) : growing
      if (looksAtAll) {
        const there = new Set(files)
        for (const file of synced.keys()) if (!there.has(file)) synced.delete(file)
      }
      growing = []
      for (const file of files) {
        const size = (await stat(file).catch(() => undefined))?.size
        if (signal.aborted) return
        // Dropped since it was listed.
        if (size === undefined) continue
        // What was there at the start may be old, and written long since; what has come meanwhile is new from its first byte.
        const before = synced.get(file) ?? (round === 0 ? size : 0)
        if (size - before >= GROWN_BYTES) await sync(file)
        if (size !== before) growing.push(file)
        synced.set(file, size - before >= GROWN_BYTES ? size : Math.min(before, size))
      }
      await sleep(EVERY_MS, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  async function sync(file: string): Promise<void> {
    // Dropped, or closed to us: Linux writes it as ever.
    const handle = await open(file, 'r').catch(() => undefined)
    await handle?.datasync().finally(() => handle.close())
  }

  const finished = run().catch((error: unknown) => {
    if (!signal.aborted) onLost(error)
  })
  return {
    async stop() {
      stopping.abort()
      await finished
    },
  }
}

async function relationsOf(cluster: string): Promise<string[]> {
  const base = join(cluster, 'base')
  const databases = (await namesIn(base)).filter((name) => DATABASE.test(name))
  const files = await Promise.all(
    databases.map(async (database) =>
      (await namesIn(join(base, database)))
        .filter((name) => RELATION.test(name))
        .map((name) => join(base, database, name)),
    ),
  )
  return files.flat()
}

/** None of a folder that is gone. */
const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => [])
