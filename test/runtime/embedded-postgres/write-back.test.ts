/** What Postgres has written is given to the disk in small portions. Looks at which files are synced; a disk cannot be asked. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startWriteBack, type WriteBack } from '../../../runtime/embedded-postgres/write-back.ts'

const synced = vi.hoisted((): string[] => [])
vi.mock('node:fs/promises', async (importOriginal) => {
  const actual = await importOriginal<typeof import('node:fs/promises')>()
  return {
    ...actual,
    open: async (path: string, flags: string) => {
      const handle = await actual.open(path, flags)
      return {
        datasync: async () => {
          await handle.datasync()
          synced.push(path)
        },
        close: () => handle.close(),
      }
    },
  }
})

let cluster: string
let writeBack: WriteBack
const fileOf = (name: string) => join(cluster, 'base', '5', name)

beforeEach(() => {
  cluster = mkdtempSync(join(tmpdir(), 'triptick-write-back-'))
  mkdirSync(join(cluster, 'base', '5'), { recursive: true })
  for (const name of ['quiet', 'busy', 'dropped']) writeFileSync(fileOf(name), 'page')
  synced.length = 0
})
afterEach(async () => {
  await writeBack.stop()
  rmSync(cluster, { recursive: true, force: true })
})

test.skipIf(process.platform !== 'linux')(
  'files that change are synced within seconds and as often as they change, others never; dropped ones stop nothing (on Linux, which alone puts writes off)',
  async () => {
    writeBack = startWriteBack(cluster)
    const writing = setInterval(() => appendFileSync(fileOf('busy'), 'page'), 50)
    appendFileSync(fileOf('dropped'), 'page')
    try {
      await vi.waitFor(() => expect(synced).toContain(fileOf('busy')), { timeout: 15_000, interval: 50 })
      rmSync(fileOf('dropped'))
      const before = synced.length
      await vi.waitFor(() => expect(synced.length).toBeGreaterThan(before + 3), {
        timeout: 15_000,
        interval: 50,
      })
    } finally {
      clearInterval(writing)
    }
    expect(synced).not.toContain(fileOf('quiet'))
    await writeBack.stop()
    const after = synced.length
    appendFileSync(fileOf('busy'), 'page')
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    expect(synced.length).toBe(after)
  },
)

test('a folder that is not there is no error', async () => {
  rmSync(cluster, { recursive: true, force: true })
  writeBack = startWriteBack(cluster)
  await writeBack.stop()
  expect(synced).toEqual([])
})
