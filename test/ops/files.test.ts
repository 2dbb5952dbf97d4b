/** The files in `ops/` name services, ports, files and programs that there are. */
import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { packageRoot } from '../../runtime/package-root.ts'
import { V8_FLAGS } from '../../runtime/processes/v8-flags.ts'
import { readCompose, readRoot } from './compose.ts'

const { services } = readCompose()
/** Where each process of ours shows its metrics; the api nodes also their health. */
const ours = Object.entries(services)
  .filter(([, { image }]) => image === 'triptick')
  .map(([name, { command, environment }]) => {
    const role = command?.[2]
    return {
      role,
      address: `${name}:${role === 'api' ? environment.PORT : environment.TRIPTICK_METRICS_PORT}`,
    }
  })

const Prometheus = z.looseObject({
  scrape_configs: z.array(
    z.looseObject({
      job_name: z.string(),
      static_configs: z.array(z.object({ targets: z.array(z.string()) })),
    }),
  ),
})

test('Prometheus scrapes every process of ours, and nothing that is not there', () => {
  const { scrape_configs } = Prometheus.parse(parse(readRoot('ops/prometheus.yml')))
  const targets = Object.fromEntries(
    scrape_configs.map(({ job_name, static_configs }) => [
      job_name,
      static_configs.flatMap((config) => config.targets),
    ]),
  )
  const [, balancer] = /^ {2}bind :(\d+)\n {2}http-request use-service prometheus-exporter/m.exec(
    readRoot('ops/haproxy.cfg'),
  ) ?? ['', 'none']
  expect(targets).toEqual({
    triptick: ours.map(({ address }) => address),
    'load-balancer': [`load-balancer:${balancer}`],
    eventstoredb: ['eventstoredb:2113'],
  })
})

test('the load balancer leads to the api nodes, listens on the published port and asks for readiness', () => {
  const config = readRoot('ops/haproxy.cfg')
  const servers = [...config.matchAll(/^ {2}server (\S+) (\S+)$/gm)].map(([, name, address]) => [
    name,
    address,
  ])
  const apis = ours.filter(({ role }) => role === 'api').map(({ address }) => address)
  expect(servers).toEqual(apis.map((address) => [address.split(':')[0], address]))
  const inside = services['load-balancer']?.ports[0]?.split(':').at(-1)
  expect(config).toContain(`frontend clients\n  bind :${inside}\n`)
  expect(config).toContain('http-check send meth GET uri /readyz')
})

const dockerfile = readRoot('ops/Dockerfile')

test('the image holds the compiled program and every file that it reads besides', () => {
  const [, final] = dockerfile.split(/^FROM .*$/m).slice(-2)
  const copied = [...(final ?? '').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, what]) =>
    what?.split(' '),
  )
  for (const path of copied) expect(existsSync(join(packageRoot, path ?? '')), path).toBe(true)
  const { include } = z
    .object({ include: z.array(z.string()) })
    .parse(JSON.parse(readRoot('tsconfig.build.json')))
  const needed = include
    .flatMap((folder) => readdirSync(join(packageRoot, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !/\.tsx?$/.test(entry.name))
    .map((entry) => relative(packageRoot, join(entry.parentPath, entry.name)))
  expect(needed.length).toBeGreaterThan(0)
  const missing = needed.filter(
    (file) => !copied.some((path) => file === path || file.startsWith(`${path}/`)),
  )
  expect(missing).toEqual([])
})

test('the image starts the program of package.json, not as root, on a Node that it supports', () => {
  const { bin, engines } = z
    .object({ bin: z.object({ triptick: z.string() }), engines: z.object({ node: z.string() }) })
    .parse(JSON.parse(readRoot('package.json')))
  const entrypoint = ['node', ...V8_FLAGS, bin.triptick.replace('./', '')]
  expect(JSON.parse(/^ENTRYPOINT (.*)$/m.exec(dockerfile)?.[1] ?? '')).toEqual(entrypoint)
  expect(dockerfile).toMatch(/^USER node$/m)
  const images = [...dockerfile.matchAll(/^FROM node:(\d+)-/gm)].map(([, major]) => Number(major))
  expect(new Set(images).size).toBe(1)
  expect(images[0]).toBeGreaterThanOrEqual(Number(/\d+/.exec(engines.node)?.[0]))
})

test('the image is built from the sources alone: no secrets, no packages and no build of this machine', () => {
  const ignored = readRoot('ops/Dockerfile.dockerignore').split('\n')
  expect(ignored).toEqual(expect.arrayContaining(['.env', '.triptick', 'node_modules', 'dist']))
})
