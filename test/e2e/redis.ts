/** A redis-server of the test's own, on a port that stays the same when it is started again. Keeps nothing on disk. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { Redis } from 'ioredis'
import { freePort } from '../support/free-port.ts'

export interface RedisServer {
  readonly url: string
  /** kill -9; what it held is gone. */
  kill(): Promise<void>
  start(): Promise<void>
  keys(pattern: string): Promise<string[]>
}

export const hasRedis: boolean = spawnSync('redis-server', ['--version']).status === 0

export async function createRedis(): Promise<RedisServer> {
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  let child: ChildProcess | undefined
  const kill = () => void child?.kill('SIGKILL')
  process.once('exit', kill)

  const redis: RedisServer = {
    url,
    async start() {
      const settings = { port, bind: '127.0.0.1', save: '', appendonly: 'no', dir: tmpdir() }
      const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
      child = spawn('redis-server', args, { stdio: 'ignore' })
      await redis.keys('*')
    },
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      kill()
      await gone
    },
    async keys(pattern) {
      const client = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: 500 })
      client.on('error', () => {})
      const keys = await client.keys(pattern)
      client.disconnect()
      return keys
    },
  }
  await redis.start()
  return redis
}
