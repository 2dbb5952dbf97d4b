/** What a figure depends on beside the code: the machine, the versions, the commit. */
import { execFileSync } from 'node:child_process'
import { arch, cpus, platform, release, totalmem } from 'node:os'
import pg from 'pg'
import { packageRoot } from '../../runtime/package-root.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly os: string
  readonly node: string
  readonly postgres: string
  /** Whether its buffers are in huge pages: with them fewer searches among a million messages take long. */
  readonly hugePages: boolean
  /** `+` behind it: with changes that are not committed. */
  readonly commit: string
}

export async function describeMachine(databaseUrl: string): Promise<Machine> {
  const cores = cpus()
  return {
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    os: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    ...(await askPostgres(databaseUrl)),
    commit: commit(),
  }
}

async function askPostgres(connectionString: string): Promise<Pick<Machine, 'postgres' | 'hugePages'>> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    const { rows } = await client.query<{ version: string; huge_pages: string | null }>(
      // The second is known since PostgreSQL 17.
      "SELECT current_setting('server_version') AS version, current_setting('huge_pages_status', true) AS huge_pages",
    )
    return { postgres: rows[0]?.version ?? 'unknown', hugePages: rows[0]?.huge_pages === 'on' }
  } finally {
    await client.end()
  }
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: packageRoot, encoding: 'utf8', stdio: 'pipe' })
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no').trim() !== ''
    return `${git('rev-parse', '--short', 'HEAD').trim()}${changed ? '+' : ''}`
  } catch {
    return 'unknown'
  }
}
