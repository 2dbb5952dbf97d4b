/**
 * Has the disk written a little at a time: syncs a file of the embedded Postgres whenever it has grown by so much. Never touches
 * the WAL, nor a database that is not ours. Why, and what was measured: `docs/adr/0019-written-back-a-little-at-a-time.md`.
 */
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const EVERY_MS = 500
/**
 * Most files never grow: a round looks at a tenth of all, and at those that had grown at their last look. A look takes 40 µs in all, in a thread of
 * its own, because a disk that hangs must not hold up signals; all 1,450 files at once, catalogs and templates included, kept a core from the api for 70 ms every 5 s.
 */
const ROUNDS_FOR_ALL = 10
/**
 * By bytes, not by time: a sync costs a flush of the disk, 2 ms, whatever it writes. Twice a second for every file that had changed, some 30
 * flushes a second, took 7 % of the closed loop (`bench lives`: 3,321 messages/s, and 3,586 with this).
 */
const GROWN_BYTES = 1024 * 1024

/** What has a smaller number is of Postgres itself: its templates, which nobody writes to, and in each database some 300 files of catalogs, which hardly grow. */
const FIRST_OF_OURS = 16_384
/** Tables and indexes, a file for each gigabyte; no temporary ones, which need never reach the disk. */
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
  /** Sizes at the last sync, or when they were first seen, and at the last look. */
  const sizes = new Map<string, { readonly synced: number; readonly looked: number }>()

  async function run(): Promise<void> {
    /** Those that are still to be looked at before all are listed again. */
    let rest: string[] = []
    let share = 0
    let growing = new Set<string>()
    for (let round = 0; !signal.aborted; round++) {
      if (rest.length === 0) {
        rest = await relationsOf(cluster)
        share = Math.ceil(rest.length / ROUNDS_FOR_ALL)
        const there = new Set(rest)
        for (const file of sizes.keys()) if (!there.has(file)) sizes.delete(file)
      }
      // All of them at first: what is there at the start may be old, and written long since.
      const files = new Set([...growing, ...rest.splice(0, round === 0 ? rest.length : share)])
      growing = new Set()
      for (const file of files) {
        // Dropped since it was listed, or closed to us.
        const size = (await stat(file).catch(() => undefined))?.size
        if (signal.aborted) return
        if (size === undefined) {
          // Who comes by that name next is new.
          sizes.delete(file)
          continue
        }
        // What has come meanwhile is new from its first byte.
        const first = round === 0 ? size : 0
        const { synced, looked } = sizes.get(file) ?? { synced: first, looked: first }
        const isDue = size - synced >= GROWN_BYTES
        if (isDue) await sync(file)
        if (size !== looked) growing.add(file)
        sizes.set(file, { synced: isDue ? size : Math.min(synced, size), looked: size })
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
  const files: string[] = []
  for (const database of await namesIn(base)) {
    if (!(Number(database) >= FIRST_OF_OURS)) continue
    for (const name of await namesIn(join(base, database)))
      if (RELATION.test(name) && Number.parseInt(name, 10) >= FIRST_OF_OURS)
        files.push(join(base, database, name))
  }
  return files
}

/** None of a folder that is gone, or closed to us: Linux writes what is in it as ever. */
const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => [])
