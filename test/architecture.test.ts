/** Who may import whom (`docs/architecture.md`, "Who may import whom"). Type imports count: what one part knows of another is coupling. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../runtime/package-root.ts'

/** Folder → the other folders it may import. The order is from the bottom up, so there can be no cycle of folders. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  protocol: ['domain'],
  client: ['domain', 'protocol'],
  runtime: ['domain/ids.ts'],
  ledger: ['domain', 'runtime'],
  projections: ['domain', 'runtime', 'ledger'],
  workers: ['domain', 'protocol', 'runtime', 'ledger', 'projections/queries'],
  api: ['domain', 'protocol', 'runtime', 'ledger', 'projections/queries'],
  bench: ['domain', 'protocol', 'client', 'runtime', 'ledger', 'projections', 'workers', 'api'],
  // Compiled with the programs, because the bench runs it as one.
  'test/support/eventstoredb': [],
  cli: ['domain', 'protocol', 'client', 'runtime', 'ledger', 'projections', 'workers', 'api', 'bench'],
}

/** Packages that one place alone knows, so that they can be replaced there. */
const CONFINED: readonly {
  readonly packages: RegExp
  readonly to: string
  readonly besides?: readonly string[]
}[] = [
  {
    packages: /^@eventstore\/db-client(\/|$)/,
    to: 'ledger/eventstoredb/',
    // The reference that the adapter is measured against, and the other side of the wire.
    besides: ['bench/eventstoredb/client-alone.ts', 'test/support/eventstoredb/'],
  },
  { packages: /^bullmq(\/|$)/, to: 'workers/' },
  { packages: /^(fastify|@fastify\/.*|fastify-type-provider-zod)$/, to: 'api/' },
  { packages: /^prom-client$/, to: 'runtime/' },
  { packages: /^pino$/, to: 'runtime/' },
  { packages: /^commander$/, to: 'cli/' },
]

interface Import {
  readonly from: string
  /** A path from the root of the package, or the name of another package. */
  readonly to: string
  readonly own: boolean
}

const IMPORTS = new RegExp(
  [
    /^\s*(?:import|export)\s[^'"`;]*?\bfrom\s+['"]([^'"]+)['"]/, // import … from '…', export … from '…'
    /^\s*import\s+['"]([^'"]+)['"]/, // import '…'
    /\bimport\(\s*['"]([^'"]+)['"]\s*\)/, // import('…'), as a value or as a type
  ]
    .map(({ source }) => source)
    .join('|'),
  'gm',
)

function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(IMPORTS)].map((found) => {
    const specifier = found[1] ?? found[2] ?? found[3] ?? ''
    const own = specifier.startsWith('.')
    return { from: file, to: own ? normalize(join(dirname(file), specifier)) : specifier, own }
  })
}

const read = (file: string) => readFileSync(join(packageRoot, file), 'utf8')
const isWithin = (file: string, place: string) => file === place || file.startsWith(`${place}/`)
const folderOf = (file: string) => file.slice(0, file.indexOf('/'))
const shown = ({ from, to }: Import) => `${from} imports ${to}`

const sources = Object.keys(MAY_IMPORT).flatMap((folder) =>
  readdirSync(join(packageRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(packageRoot, join(entry.parentPath, entry.name))),
)
const imports = sources.flatMap((file) => importsOf(file, read(file)))

test('every way to import is seen', () => {
  const text = [
    "import { a } from '../ledger/a.ts'",
    "import type {\n  B,\n  C,\n} from './b.ts'",
    "export * from './c.ts'",
    "import './d.ts'",
    "const e = await import('./e.ts')",
    "let f: import('./f.ts').F",
    "import pg from 'pg'",
  ].join('\n')
  expect(importsOf('api/x.ts', text).map(({ to }) => to)).toEqual([
    'ledger/a.ts',
    'api/b.ts',
    'api/c.ts',
    'api/d.ts',
    'api/e.ts',
    'api/f.ts',
    'pg',
  ])
})

test('every own import leads to a file, so none is overlooked', () => {
  const known = new Set(sources)
  expect(imports.filter(({ own, to }) => own && !known.has(to)).map(shown)).toEqual([])
  // Without any of these the rules below would hold of nothing.
  for (const folder of Object.keys(MAY_IMPORT)) {
    expect(sources.some((file) => isWithin(file, folder))).toBe(true)
  }
  expect(imports.length).toBeGreaterThan(sources.length)
})

test.each(Object.entries(MAY_IMPORT))('%s imports, of ours, nothing but: %s', (folder, allowed) => {
  const wrong = imports.filter(
    ({ own, from, to }) =>
      own && isWithin(from, folder) && ![folder, ...allowed].some((place) => isWithin(to, place)),
  )
  expect(wrong.map(shown)).toEqual([])
})

test('every folder with sources of ours stands in the rules', () => {
  const build: unknown = JSON.parse(read('tsconfig.build.json'))
  const { include } = build as { readonly include: readonly string[] }
  expect([...include].sort()).toEqual(Object.keys(MAY_IMPORT).sort())
})

test.each(CONFINED)('only $to imports $packages', ({ packages, to, besides = [] }) => {
  const users = imports.filter((one) => !one.own && packages.test(one.to))
  expect(users.length).toBeGreaterThan(0)
  const wrong = users.filter(({ from }) => ![to, ...besides].some((place) => from.startsWith(place)))
  expect(wrong.map(shown)).toEqual([])
})

test('no program imports a test', () => {
  const wrong = imports.filter(
    ({ own, from, to }) => own && isWithin(to, 'test') && !isWithin(from, 'test/support/eventstoredb'),
  )
  expect(wrong.map(shown)).toEqual([])
})

test('the conformance suite knows nothing of ours but how to find a system', () => {
  const suite = imports.filter(({ own, from }) => own && isWithin(from, 'cli/conformance'))
  expect(suite.length).toBeGreaterThan(0)
  const wrong = suite.filter(
    ({ from, to }) => !isWithin(to, 'cli/conformance') && from !== 'cli/conformance/subject.ts',
  )
  expect(wrong.map(shown)).toEqual([])
})

test('the domain is pure: no I/O, no clock, no randomness', () => {
  const impure =
    /\bDate\.now\b|\bnew Date\b|\bMath\.random\b|\bperformance\b|\bcrypto\b|\bprocess\.|\bfetch\(/
  const domain = sources.filter((file) => folderOf(file) === 'domain')
  expect(domain.filter((file) => impure.test(read(file)))).toEqual([])
  const packages = imports.filter(({ own, from }) => !own && folderOf(from) === 'domain')
  expect(packages.filter(({ to }) => to !== 'zod').map(shown)).toEqual([])
})

test('only ledger/streams.ts knows the names of the streams', () => {
  const name = /['"`](conversation|delivery|user|audit)-(['"`]|\$\{)/
  expect(sources.filter((file) => name.test(read(file)))).toEqual(['ledger/streams.ts'])
})

test('there is no import cycle', () => {
  expect(firstCycle(['a', 'b', 'c'], (file) => ({ a: ['b'], b: ['c'], c: ['b'] })[file] ?? [])).toEqual([
    'b',
    'c',
    'b',
  ])
  const targets = byFile(imports)
  const next = (file: string) => (targets.get(file) ?? []).filter(({ own }) => own).map(({ to }) => to)
  expect(firstCycle(sources, next)).toBeUndefined()
})

function byFile(all: readonly Import[]): Map<string, Import[]> {
  const groups = new Map<string, Import[]>()
  for (const one of all) groups.set(one.from, [...(groups.get(one.from) ?? []), one])
  return groups
}

/** Depth first; a file met again on the way to itself closes a cycle. */
function firstCycle(files: readonly string[], next: (file: string) => readonly string[]) {
  const done = new Set<string>()
  const way: string[] = []
  function visit(file: string): string[] | undefined {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file]
    if (done.has(file)) return undefined
    way.push(file)
    for (const target of next(file)) {
      const cycle = visit(target)
      if (cycle) return cycle
    }
    way.pop()
    done.add(file)
    return undefined
  }
  for (const file of files) {
    const cycle = visit(file)
    if (cycle) return cycle
  }
  return undefined
}
