/** HAProxy of this machine with `ops/haproxy.cfg`, on other addresses. Changes nothing else of the file. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../../runtime/package-root.ts'
import { freePort } from '../support/free-port.ts'
import { until } from './until.ts'

export const hasLoadBalancer: boolean = spawnSync('haproxy', ['-v']).status === 0

export interface LoadBalancer {
  readonly url: string
  readonly metricsUrl: string
  stop(): Promise<void>
}

/** In front of two api nodes; resolves when a node is found ready. */
export async function startLoadBalancer(nodes: readonly string[]): Promise<LoadBalancer> {
  const [port, metricsPort] = [await freePort(), await freePort()]
  const config = moved(readFileSync(join(packageRoot, 'ops', 'haproxy.cfg'), 'utf8'), {
    'bind :8080': `bind 127.0.0.1:${port}`,
    'bind :8405': `bind 127.0.0.1:${metricsPort}`,
    ' api-1:8080': ` ${new URL(nodes[0] as string).host}`,
    ' api-2:8080': ` ${new URL(nodes[1] as string).host}`,
  })
  const folder = mkdtempSync(join(tmpdir(), 'triptick-haproxy-'))
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(file, config)
  const child = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' })
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  const url = `http://127.0.0.1:${port}`
  const isReady = async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok === true
  await until('the load balancer finds a node', isReady)
  return {
    url,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    async stop() {
      process.removeListener('exit', kill)
      const gone = once(child, 'exit')
      kill()
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Each place exactly once, so that the file that is tested is the one that is shipped. */
function moved(config: string, places: Readonly<Record<string, string>>): string {
  return Object.entries(places).reduce((text, [from, to]) => {
    const parts = text.split(from)
    if (parts.length !== 2) throw new Error(`"${from}" is there ${parts.length - 1} times`)
    return parts.join(to)
  }, config)
}
