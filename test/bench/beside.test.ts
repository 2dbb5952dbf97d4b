/** What ran beside a bench: the processes of others, by name, and none of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { lookBeside } from '../../bench/machine/beside.ts'

const busy: ChildProcess[] = []

afterEach(async () => {
  for (const child of busy.splice(0)) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

/** A process that works for as long as it is there. @returns its id, once it has its name. */
async function work(name: string): Promise<number> {
  const script = `process.title = '${name}'; console.log('works'); for (;;);`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  busy.push(child)
  await once(child.stdout, 'data')
  return child.pid as number
}

test.skipIf(process.platform !== 'linux')(
  'who works beside a bench is named with the cores it used, its own family is not (Linux alone tells)',
  async () => {
    const own = await work('own (family)')
    await work('beside (us)')
    const ranBeside = lookBeside(own)
    await sleep(400)
    const beside = ranBeside()
    const named = beside?.processes.map(({ command }) => command)
    expect(named).toContain('beside (us)')
    expect(named).not.toContain('own (family)')
    expect(beside?.cores).toBeGreaterThan(0)
  },
)
