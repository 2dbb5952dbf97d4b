/** What Postgres has written is given to the disk in small portions. Looks at which files are looked at and synced; a disk cannot be asked. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startWriteBack, type WriteBack } from '../../../runtime/embedded-postgres/write-back.ts'

const disk = vi.hoisted(() => ({
  synced: [] as string[],
  looked: [] as string[],
  missed: [] as string[],
  refuses: false,
}))
vi.mock('node:fs/promises', async (importOriginal) => {
  const actual = await importOriginal<typeof import('node:fs/promises')>()
  return {
    ...actual,
    stat: async (path: string) => {
      try {
        return await actual.stat(path)
      } catch (error) {
        disk.missed.push(path)
        throw error
      } finally {
        disk.looked.push(path)
      }
    },
    open: async (path: string, flags: string) => {
      const handle = await actual.open(path, flags)
      return {
        datasync: async () => {
          if (disk.refuses) throw new Error('EIO')
          await handle.datasync()
          disk.synced.push(path)
        },
        close: () => handle.close(),
      }
    },
  }
})

let cluster: string
let writeBack: WriteBack
let lost: unknown[]
let writing: NodeJS.Timeout
let busy: Set<string>
const fileOf = (name: string, database = '16384') => join(cluster, 'base', database, name)
const TEMPLATE = '5'
const CATALOG = '2619'
/** A few of them are worth a sync. */
const PAGES = Buffer.alloc(256 * 1024)
const patiently = { timeout: 20_000, interval: 50 }
/** So many that stay as they are that a listing takes ten looks, 5 s. */
const STILL = Array.from({ length: 25 }, (_, index) => `${20_000 + index}`)
const LIMIT_MS = 90_000

beforeEach(() => {
  cluster = mkdtempSync(join(tmpdir(), 'triptick-write-back-'))
  for (const database of ['16384', TEMPLATE]) mkdirSync(join(cluster, 'base', database), { recursive: true })
  Object.assign(disk, { synced: [], looked: [], missed: [], refuses: false })
  lost = []
  busy = new Set()
  for (const name of ['16600', '16700.1', '16800', 't4_16900', ...STILL]) writeFileSync(fileOf(name), 'page')
  writeBack = startWriteBack(cluster, (error) => lost.push(error))
  writing = setInterval(() => {
    for (const name of busy) appendFileSync(fileOf(name), PAGES)
    appendFileSync(fileOf('16900', TEMPLATE), PAGES)
    appendFileSync(fileOf(CATALOG), PAGES)
  }, 50)
})
afterEach(async () => {
  clearInterval(writing)
  await writeBack.stop()
  rmSync(cluster, { recursive: true, force: true })
})

const ON_LINUX = process.platform === 'linux'
const WHY = '(on Linux, which alone puts writes off)'

test.skipIf(!ON_LINUX)(
  `tables and indexes that grow are synced for as long as they do, new ones too, others never ${WHY}`,
  async () => {
    busy = new Set(['16700.1', 't4_16900'])
    // Changed, but hardly grown.
    appendFileSync(fileOf('16600'), 'page')
    await vi.waitFor(() => expect(disk.synced).toContain(fileOf('16700.1')), patiently)
    const before = disk.synced.length
    busy.add('17000_vm')
    await vi.waitFor(() => expect(disk.synced).toContain(fileOf('17000_vm')), patiently)
    await vi.waitFor(() => expect(disk.synced.length).toBeGreaterThan(before + 5), patiently)
    expect(new Set(disk.synced)).toEqual(new Set([fileOf('16700.1'), fileOf('17000_vm')]))

    await writeBack.stop()
    const after = disk.synced.length
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    expect(disk.synced.length).toBe(after)
  },
  LIMIT_MS,
)

test.skipIf(!ON_LINUX)(
  `what has grown once is looked at again with all others, not in every round ${WHY}`,
  async () => {
    clearInterval(writing)
    const times = (name: string) => disk.looked.filter((file) => file === fileOf(name)).length
    const looks = (count: number) =>
      vi.waitFor(() => expect(Math.min(...STILL.map(times))).toBeGreaterThanOrEqual(count), {
        ...patiently,
        timeout: 60_000,
      })
    await looks(1)
    for (const name of STILL) appendFileSync(fileOf(name), 'page')
    // Once it is seen to have grown, and once more to see that it does no more.
    await looks(3)
    disk.looked.length = 0
    // Eight rounds of the ten that one listing takes.
    await new Promise((resolve) => setTimeout(resolve, 4_000))
    expect(disk.looked.length).toBeGreaterThan(0)
    expect(Math.max(...STILL.map(times))).toBeLessThanOrEqual(2)
  },
  LIMIT_MS,
)

test.skipIf(!ON_LINUX)(
  `a table that is dropped while it grows stops nothing ${WHY}`,
  async () => {
    busy = new Set(['16600', '16800'])
    await vi.waitFor(() => expect(disk.synced).toContain(fileOf('16800')), patiently)
    busy.delete('16800')
    rmSync(fileOf('16800'))
    const before = disk.synced.length
    await vi.waitFor(() => expect(disk.synced.length).toBeGreaterThan(before + 3), patiently)
    expect(lost).toEqual([])
  },
  LIMIT_MS,
)

test.skipIf(!ON_LINUX)(
  `a table that is made anew under the name of one that was dropped is new from its first byte ${WHY}`,
  async () => {
    const name = fileOf('16800')
    busy = new Set(['16800'])
    await vi.waitFor(() => expect(disk.synced).toContain(name), patiently)
    busy.delete('16800')
    rmSync(name)
    await vi.waitFor(() => expect(disk.missed).toContain(name), patiently)
    disk.synced.length = 0
    // As large as a sync asks for, and smaller than the one before was when it was synced.
    writeFileSync(name, Buffer.alloc(1024 * 1024))
    await vi.waitFor(() => expect(disk.synced).toEqual([name]), patiently)
  },
  LIMIT_MS,
)

test.skipIf(!ON_LINUX)(
  `what the disk refuses is told, once, because the kernel tells Postgres no more ${WHY}`,
  async () => {
    disk.refuses = true
    busy = new Set(['16600', '16800'])
    await vi.waitFor(() => expect(lost).toHaveLength(1), patiently)
    disk.refuses = false
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    expect(lost).toHaveLength(1)
    expect(disk.synced).toEqual([])
  },
  LIMIT_MS,
)
