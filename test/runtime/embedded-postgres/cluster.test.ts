import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ensureCluster } from '../../../runtime/embedded-postgres/cluster.ts'
import { StartProblem } from '../../../runtime/problem.ts'

/** What a start says to a data folder in which there is a database already, with these files of it. */
async function startOn(files: { readonly password?: string; readonly version?: string }): Promise<unknown> {
  const path = mkdtempSync(join(tmpdir(), 'triptick-cluster-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  const cluster = join(path, 'cluster')
  mkdirSync(cluster)
  if (files.version !== undefined) writeFileSync(join(cluster, 'PG_VERSION'), files.version)
  if (files.password !== undefined) writeFileSync(join(path, 'password'), files.password)
  const binaries = { postgres: 'not run', initdb: 'not run' }
  return ensureCluster({ path, cluster, user: undefined }, binaries).catch((error: unknown) => error)
}

test('a database whose password or version is gone is named, with what to do about it', async () => {
  expect(await startOn({ version: '18\n', password: 'a password\n' })).toBe('a password')
  const problems = await Promise.all([
    startOn({ version: '18\n', password: '\n' }),
    startOn({ version: '18\n' }),
    startOn({ version: '', password: 'a password\n' }),
    startOn({ password: 'a password\n' }),
  ])
  for (const problem of problems) expect(problem).toBeInstanceOf(StartProblem)
  expect(problems.map(String)).toMatchObject([
    expect.stringMatching(/password, .* is empty\n.*backup/),
    expect.stringMatching(/password, .* is missing/),
    expect.stringMatching(/PG_VERSION, .* is empty/),
    expect.stringMatching(/PG_VERSION, .* is missing/),
  ])
})
