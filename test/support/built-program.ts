/** The compiled program, for tests that need real processes. Builds it first, as `npm start` does. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageRoot } from '../../runtime/package-root.ts'

const LOCK = join(packageRoot, 'node_modules', '.triptick-build.lock')
const STALE_MS = 60_000

/** Incremental, one build at a time: test files run side by side. Type errors are the business of `npm run check`. */
export async function buildProgram(): Promise<void> {
  while (!lock()) await sleep(50)
  try {
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
    execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: packageRoot, stdio: 'ignore' })
  } catch {
    // It has emitted what it could; a file that is missing fails the test that needs it.
  } finally {
    rmSync(LOCK, { recursive: true, force: true })
  }
}

function lock(): boolean {
  try {
    mkdirSync(LOCK)
    return true
  } catch {
    const since = statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
    if (Date.now() - since > STALE_MS) rmSync(LOCK, { recursive: true, force: true })
    return false
  }
}
