/** Runs `triptick conformance` as a user does, and reads its verdict. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../e2e/program.ts'

export interface Verdict {
  readonly exit: number | string
  readonly kept: number
  readonly broken: number
  readonly notChecked: number
  readonly results: readonly { readonly promise: string; readonly outcome: string; readonly why?: string }[]
}

export async function runConformance(args: readonly string[]): Promise<Verdict> {
  // Nobody listens at port 1, and nothing is kept in this folder.
  const env = { TRIPTICK_DATA: join(tmpdir(), 'triptick-nobody-here'), PORT: '1' }
  const program = run(['conformance', '--json', '--timeout', '30', ...args], { env, cwd: tmpdir() })
  const exit = await program.ended
  try {
    return { exit, ...JSON.parse(program.stdout()) }
  } catch {
    throw new Error(program.output())
  }
}

/** What was not kept, and why. */
export const notKept = ({ results }: Verdict) => results.filter(({ outcome }) => outcome !== 'kept')
