/** `idle`: many sockets that say nothing; the reference is as many on a bare `ws` server. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { forkBenchChild } from '../child-process.ts'
import { preloading } from '../machine/preload.ts'
import { apiProcessUnder, maxOpenFiles } from '../machine/processes.ts'
import { unsignedToken } from '../relay/unsigned-token.ts'
import type { SuiteReport } from '../report/suite-report.ts'
import type { BenchContext, SystemUnderTest } from '../system-under-test.ts'
import { type IdleRun, measureIdle, WARM_UP_SOCKETS } from './measure.ts'

export interface IdlePlan {
  readonly sockets: number
  /** Messages to one of them each. */
  readonly tries: number
  /** A quick look shows that every message arrives, not what a socket costs. */
  readonly judges: boolean
}

/** Memory of a socket, against a bare one. */
const LIMIT = 1.5
/** Files that a server has open beside its sockets, generously. */
const OTHER_FILES = 400
/**
 * Connections are facts, recorded some 300 people a second: nothing was recorded for this long, so all are. (With 1.5 s 17,100 sockets stood once
 * with 4,518 bytes each, with this with 4,076: who still waits to be recorded is held in memory.)
 */
const QUIET_MS = 5_000

export async function idleSuite(
  { sockets: asked, tries, judges }: IdlePlan,
  system: SystemUnderTest,
  context: BenchContext,
): Promise<SuiteReport> {
  const pid = apiProcessUnder(system.pid)
  const openFiles = pid === undefined ? undefined : maxOpenFiles(pid)
  if (pid === undefined || openFiles === undefined)
    throw new Error('memory of other processes is read from /proc: Linux only')
  const room = openFiles - OTHER_FILES
  const sockets = Math.min(asked, Math.max(room - WARM_UP_SOCKETS, Math.floor(room / 2)))

  context.progress(`idle: ${sockets} sockets on a bare ws server`)
  const relay = forkBenchChild<{ url: string }>('relay/main.js', preloading('collect-when-told'))
  context.onEnd(relay.stop)
  const { url } = await relay.next()
  const bareServer = {
    url,
    pid: relay.pid,
    network: '127.0.1',
    tokenFor: async (userId: string) => unsignedToken(userId),
    settled: async () => {},
  }
  const bare = await measureIdle(sockets, tries, bareServer, context)
  await relay.stop()

  context.progress(`idle: ${sockets} sockets`)
  const settled = () => ledgerIsQuiet(system.databaseUrl)
  const ours = await measureIdle(sockets, tries, { ...system, pid, network: '127.0.2', settled }, context)

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
    title: `idle · ${sockets.toLocaleString('en-US')} sockets of one process, then ${tries} messages to one of them each`,
    rows: [
      ['', 'living bytes each', 'ratio', 'resident', 'connected, s', 'arrived p50, ms', 'p99', 'max'],
      row('bare ws', bare),
      row('triptick', ours),
    ],
    notes: [
      ...(sockets < asked
        ? [
            `${asked} were asked for: a process may have ${openFiles} files open here (ulimit -n, LimitNOFILE), sockets that do not count take up to ${WARM_UP_SOCKETS} of them, and ${OTHER_FILES} are kept for others`,
          ]
        : []),
      ...(judges ? [] : ['too few sockets to say what one takes: no verdict on it']),
    ],
    figures: {
      sockets,
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
