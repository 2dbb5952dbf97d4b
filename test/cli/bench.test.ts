/** The benches in small, so that they run when they are wanted: nothing may be lost, doubled or out of order. Fails on no time. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BenchReport } from '../../bench/report/report.ts'
import { SUITES } from '../../bench/suites.ts'
import { packageRoot } from '../../runtime/package-root.ts'
import { buildProgram } from '../support/built-program.ts'

const folder = mkdtempSync(join(tmpdir(), 'triptick-bench-test-'))
beforeAll(buildProgram)
afterAll(() => rmSync(folder, { recursive: true }))

const run = promisify(execFile)

test('a file that cannot be written is named before anything is measured', async () => {
  const main = join(packageRoot, 'dist', 'cli', 'main.js')
  const nowhere = join(folder, 'nowhere', 'x.json')
  const failed = run(process.execPath, [main, 'bench', 'append', '--quick', '--json', nowhere])
  await expect(failed).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^\S+ cannot be written: /),
  })
})

test.each(SUITES)('%s runs, and breaks nothing', async (suite) => {
  const json = join(folder, `${suite}.json`)
  const main = join(packageRoot, 'dist', 'cli', 'main.js')
  const { stdout } = await run(process.execPath, [main, 'bench', suite, '--quick', '--json', json]).catch(
    (error: { readonly stdout: string }) => error,
  )
  // Also of one that failed.
  console.log(stdout)
  const report = JSON.parse(readFileSync(json, 'utf8')) as BenchReport
  expect(report.broken).toEqual([])
  expect(stdout).toContain('verdict: nothing lost, nothing doubled, nothing out of order')
  const measured = {
    ...report.lives,
    ...report.append,
    ...report.search,
    ...report.overload,
    ...report.tables[0]?.figures,
  }
  expect(Object.keys(measured).length).toBeGreaterThan(0)
})
