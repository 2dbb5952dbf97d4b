/** One real Postgres for the whole test run, durable as in production. Makes no databases but the template. */
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { holdDataFolder, readRunning } from '../../runtime/data-folder.ts'
import { startEmbeddedPostgres } from '../../runtime/embedded-postgres/embedded-postgres.ts'
import { createLogger } from '../../runtime/logging.ts'
import { migrate } from '../../runtime/migrate.ts'

const PREFIX = 'triptick-test-'

declare module 'vitest' {
  interface ProvidedContext {
    /** URL of the server's own database; tests get theirs from `createTestDatabase`. */
    readonly postgresUrl: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  removeLeftovers()
  const log = createLogger({ level: 'warn', process: 'test' })
  const folder = mkdtempSync(join(tmpdir(), PREFIX))
  // Postgres runs as another user when the tests run as root, and must get through.
  chmodSync(folder, 0o711)
  const hold = holdDataFolder(join(folder, 'data'))
  const postgres = await startEmbeddedPostgres(join(folder, 'data'), log)
  const teardown = async () => {
    await postgres.stop('immediate')
    hold.release()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await makeTemplate(postgres.url, log)
  } catch (error) {
    await teardown()
    throw error
  }
  project.provide('postgresUrl', postgres.url)
  return teardown
}

async function makeTemplate(url: string, log: ReturnType<typeof createLogger>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('CREATE DATABASE triptick_template')
  await client.end()
  const template = new URL(url)
  template.pathname = '/triptick_template'
  await migrate({ url: template.href, log })
}

/** A run that was killed could not tidy up. Its Postgres has been stopped by its guard. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const folder = join(tmpdir(), name)
    // Another run may have made its folder a moment ago and not yet put its name on it.
    const fresh = Date.now() - (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0) < 60_000
    if (!fresh && readRunning(join(folder, 'data')) === undefined)
      rmSync(folder, { recursive: true, force: true })
  }
}
