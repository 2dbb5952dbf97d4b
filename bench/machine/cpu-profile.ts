/**
 * Preloaded into the processes of a measured system (`node --import`): samples their CPU from the first line to the exit and
 * writes a `.cpuprofile`. Node's own `--cpu-prof` may not stand in NODE_OPTIONS, the only way to reach processes that fork.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join } from 'node:path'

const folder = process.env.BENCH_CPU_PROFILES
if (folder !== undefined) {
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.start')
  process.on('exit', () => {
    // Answered before `post` returns, since the session is in this very thread.
    session.post('Profiler.stop', (error, { profile }) => {
      if (error) return
      const role = process.argv.includes('--role') ? process.argv.at(-1)?.replaceAll(',', '-') : 'supervisor'
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, `${role}.${process.pid}.cpuprofile`), JSON.stringify(profile))
    })
  })
}
