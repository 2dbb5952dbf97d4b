/** An embedded Postgres of a bench's own, with the ledger's tables and nobody on it. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { holdDataFolder } from '../runtime/data-folder.ts'
import { startEmbeddedPostgres } from '../runtime/embedded-postgres/embedded-postgres.ts'
import { createLogger } from '../runtime/logging.ts'
import { migrate } from '../runtime/migrate.ts'
import type { BenchContext } from './system-under-test.ts'

/** Answers its URL. It runs until the end of the bench. */
export const startDatabase = async (context: BenchContext): Promise<string> =>
  (await startPostgres(context)).url

/** With the id of its first process. */
export async function startPostgres(
  context: BenchContext,
): Promise<{ readonly url: string; readonly pid: number }> {
  const log = createLogger({ level: 'warn', process: 'bench' })
  const folder = mkdtempSync(join(tmpdir(), 'triptick-bench-'))
  context.onEnd(async () => rmSync(folder, { recursive: true, force: true }))
  // Postgres runs as another user when we are root, and must get through.
  chmodSync(folder, 0o711)
  const hold = holdDataFolder(join(folder, 'data'))
  context.onEnd(async () => hold.release())
  const postgres = await startEmbeddedPostgres(join(folder, 'data'), log)
  context.onEnd(() => postgres.stop())
  await migrate({ url: postgres.url, log })
  return postgres
}
