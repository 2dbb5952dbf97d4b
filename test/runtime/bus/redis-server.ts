/** A Redis of the test's own on a free port, when there is a `redis-server` on this machine. Keeps nothing on disk. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { describe, test } from 'vitest'
import { freePort } from '../../support/free-port.ts'

export interface RedisServer {
  readonly url: string
  /** For what a test does to the server itself. */
  readonly admin: Redis
  /** Killed, and there again, empty, after `downMs`. */
  restart(downMs: number): Promise<void>
  stop(): Promise<void>
}

const isThere = spawnSync('redis-server', ['--version']).status === 0

/** Registers the suite, or one skipped test whose name says why. */
export function onRedis(name: string, suite: () => void): void {
  if (isThere) suite()
  else describe(name, () => test.skip('skipped: there is no redis-server on this machine', () => {}))
}

export async function startRedisServer(): Promise<RedisServer> {
  const port = await freePort()
  let child = launch(port)
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const url = `redis://127.0.0.1:${port}`
  const admin = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null })
  admin.on('error', () => {})
  await Promise.race([
    admin.ping(),
    once(child, 'exit').then(() => Promise.reject(new Error('redis-server did not start'))),
  ])
  return {
    url,
    admin,
    async restart(downMs) {
      await ended(child, 'SIGKILL')
      await sleep(downMs)
      child = launch(port)
      await admin.ping()
    },
    async stop() {
      process.removeListener('exit', kill)
      admin.disconnect()
      await ended(child, 'SIGTERM')
    },
  }
}

function launch(port: number): ChildProcess {
  return spawn(
    'redis-server',
    ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', tmpdir()],
    { stdio: 'ignore' },
  )
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}
