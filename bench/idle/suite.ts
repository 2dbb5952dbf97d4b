/**
 * `idle`: many sockets that say nothing; the reference is as many on bare `ws` servers. Where a process may not have as many files open as
 * there are sockets, they are shared by as few nodes as can hold them, on either side.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { forkBenchChild } from '../child-process.ts'
import { preloading } from '../machine/preload.ts'
import { maxOpenFiles, processUnder } from '../machine/processes.ts'
import { unsignedToken } from '../relay/unsigned-token.ts'
import type { SuiteReport } from '../report/suite-report.ts'
import type { BenchContext, SystemUnderTest } from '../system-under-test.ts'
import { type IdleNode, type IdleRun, measureIdle, WARM_UP_SOCKETS } from './measure.ts'

export interface IdlePlan {
  readonly sockets: number
  /** At least so many nodes. */
  readonly nodes: number
  /** Messages to one of them each. */
  readonly tries: number
  /** A quick look shows that every message arrives, not what a socket costs. */
  readonly judges: boolean
}

/** Memory of a socket, against a bare one. */
const LIMIT = 1.5
/** Files that a server has open beside its sockets, generously. */
const OTHER_FILES = 400
/** Each takes some 0.3 GB, and all share the same cores. */
const MOST_NODES = 4
/** Connections are facts, recorded some 300 people a second: nothing was recorded for this long, so all are. Who still waits for it is held in memory. */
const QUIET_MS = 5_000

/** @param settings with which `system` was started, so that a process says how much lives in it. */
export async function idleSuite(
  plan: IdlePlan,
  system: SystemUnderTest,
  settings: NodeJS.ProcessEnv,
  context: BenchContext,
): Promise<SuiteReport> {
  const { sockets: asked, tries, judges } = plan
  const { pid } = apiNode(system)
  const openFiles = maxOpenFiles(pid) ?? Number.POSITIVE_INFINITY
  const room = openFiles - OTHER_FILES
  const socketsANode = Math.max(room - WARM_UP_SOCKETS, Math.floor(room / 2))
  const nodes = Math.min(Math.max(plan.nodes, Math.ceil(asked / socketsANode)), MOST_NODES)
  const sockets = Math.min(asked, nodes * socketsANode)

  context.progress(
    `idle: ${sockets} sockets on ${nodes === 1 ? 'a bare ws server' : `${nodes} bare ws servers`}`,
  )
  const bare = await measureBare({ sockets, nodes, tries }, context)

  context.progress(`idle: ${sockets} sockets`)
  const others: SystemUnderTest[] = []
  while (others.length + 1 < nodes) others.push(await context.startSystem({ ...settings, ...system.joining }))
  const ours = await measureIdle(
    sockets,
    tries,
    {
      nodes: [system, ...others].map(apiNode),
      writesTo: system.url,
      network: '127.0.2',
      tokenFor: system.tokenFor,
      settled: () => ledgerIsQuiet(system.databaseUrl),
    },
    context,
  )
  for (const other of others) await other.stop()

  const ratio = ours.bytesPerSocket / bare.bytesPerSocket
  const row = (name: string, { bytesPerSocket, residentPerSocket, connectSeconds, arrivedMs }: IdleRun) => [
    name,
    Math.round(bytesPerSocket).toLocaleString('en-US'),
    (bytesPerSocket / bare.bytesPerSocket).toFixed(2),
    Math.round(residentPerSocket).toLocaleString('en-US'),
    connectSeconds.toFixed(1),
    ...[arrivedMs.p50, arrivedMs.p99, arrivedMs.max].map((ms) => ms.toFixed(1)),
  ]
  return {
    title: `idle · ${sockets.toLocaleString('en-US')} sockets of ${nodes === 1 ? 'one process' : `${nodes} processes`}, then ${tries} messages to one of them each`,
    rows: [
      ['', 'living bytes each', 'ratio', 'resident', 'connected, s', 'arrived p50, ms', 'p99', 'max'],
      row('bare ws', bare),
      row('triptick', ours),
    ],
    notes: [
      ...(sockets < asked
        ? [
            `${asked} were asked for: there are at most ${MOST_NODES} nodes, a process may have ${openFiles} files open here (ulimit -n, LimitNOFILE), sockets that do not count take up to ${WARM_UP_SOCKETS} of them, and ${OTHER_FILES} are kept for others`,
          ]
        : []),
      ...(nodes > 1 ? ['messages go from one node to another; of the bare servers, within one'] : []),
      ...(judges ? [] : ['too few sockets to say what one takes: no verdict on it']),
    ],
    figures: {
      sockets,
      nodes,
      bytesPerSocket: ours.bytesPerSocket,
      bareBytesPerSocket: bare.bytesPerSocket,
      residentPerSocket: ours.residentPerSocket,
      bareResidentPerSocket: bare.residentPerSocket,
      ratio,
      connectSeconds: ours.connectSeconds,
      bareConnectSeconds: bare.connectSeconds,
      arrivedP50Ms: ours.arrivedMs.p50,
      arrivedP99Ms: ours.arrivedMs.p99,
      bareArrivedP99Ms: bare.arrivedMs.p99,
    },
    broken: [
      ...whatBroke('bare ws', bare),
      ...whatBroke('triptick', ours),
      ...(judges && ratio > LIMIT
        ? [`idle: a socket takes ${ratio.toFixed(2)} times the memory of a bare one, ${LIMIT} is allowed`]
        : []),
    ],
  }
}

const whatBroke = (name: string, { lost, doubled }: IdleRun): string[] =>
  lost + doubled === 0 ? [] : [`idle, ${name}: ${lost} lost, ${doubled} doubled`]

/** @throws where no `/proc` tells of other processes. */
function apiNode({ url, pid: root }: SystemUnderTest): IdleNode {
  const pid = processUnder(root, 'api')
  if (pid === undefined) throw new Error('memory of other processes is read from /proc: Linux only')
  return { url, pid }
}

/** Servers that do not know of each other: the writer goes to the one that has whom they write to. */
async function measureBare(
  { sockets, nodes, tries }: { readonly sockets: number; readonly nodes: number; readonly tries: number },
  context: BenchContext,
): Promise<IdleRun> {
  const relays = Array.from({ length: nodes }, () => {
    const relay = forkBenchChild<{ url: string }>('relay/main.js', preloading('collect-when-told'))
    context.onEnd(relay.stop)
    return relay
  })
  const servers = await Promise.all(relays.map(async ({ next, pid }) => ({ url: (await next()).url, pid })))
  const run = await measureIdle(
    sockets,
    tries,
    {
      nodes: servers,
      writesTo: servers.at(-1)?.url as string,
      network: '127.0.1',
      tokenFor: async (userId) => unsignedToken(userId),
      settled: async () => {},
    },
    context,
  )
  await Promise.all(relays.map(({ stop }) => stop()))
  return run
}

async function ledgerIsQuiet(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    let last = ''
    for (let changedAt = performance.now(); performance.now() - changedAt < QUIET_MS; await sleep(100)) {
      const { rows } = await client.query<{ position: string }>('SELECT position FROM ledger.head')
      const position = rows[0]?.position ?? ''
      if (position !== last) changedAt = performance.now()
      last = position
    }
  } finally {
    await client.end()
  }
}
