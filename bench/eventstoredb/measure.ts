/**
 * Measures the command path on EventStoreDB against the client package alone, in one process, taking turns on one simulator.
 *
 * What makes it fair: the reference repeats the very appends that the command path has made (events, sizes, revisions, how
 * many came together), has its streams all under way at once where the command path waits for a message before its receipts,
 * and makes nothing: no deciding, sealing, hashing, no look-out for a reply that does not come. So the ratio is what all of
 * that costs, over what the adapter saves. The simulator keeps everything in memory and never writes to a disk: it shows
 * what this side of the wire costs, not how fast a server is.
 */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { createCommandHandler } from '../../ledger/handle-command.ts'
import type { Ledger, StreamName } from '../../ledger/ledger.ts'
import { measureAppends } from '../../ledger/measured-ledger.ts'
import { openLedger } from '../../ledger/open.ts'
import { createContentKeys } from '../../ledger/sealing/content-keys.ts'
import { createSnapshots } from '../../ledger/snapshots.ts'
import { createTemporaryBodies } from '../../ledger/temporary-bodies.ts'
import { createLogger } from '../../runtime/logging.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import { type MadeAppend, type MadeAppends, oneByOne, repeatAlone } from './client-alone.ts'
import { beginTalks, type Talk, talkOn } from './commands.ts'
import { measured } from './measured.ts'
import type { AppendRate, EventStoreRound, EventStoreRun, EventStoreSettings } from './settings.ts'
import { whatIsWrong } from './verdict.ts'

export async function measureEventStore(settings: EventStoreSettings): Promise<EventStoreRun> {
  const { simulatorUrl, databaseUrl, rounds: count } = settings
  const log = createLogger({ level: 'warn', process: 'bench' })
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 })
  const opened = await openLedger({ ledgerUrl: simulatorUrl, databaseUrl, pool, log })
  const ledger = measureAppends(opened, createMetrics('bench'))
  const talks: Talk[] = []
  try {
    // Uncounted: its appends are what the reference repeats.
    const { made } = await talk(settings, ledger, pool, talks, true)
    await repeatAlone(simulatorUrl, made, 'warm-up')
    const singly = await repeatAlone(simulatorUrl, oneByOne(made), 'one-by-one')
    const rounds: EventStoreRound[] = []
    for (let round = 0; round < count; round++) {
      rounds.push({
        alone: await repeatAlone(simulatorUrl, made, `alone-${round}`),
        commands: (await talk(settings, ledger, pool, talks, false)).rate,
      })
    }
    return { oneByOne: singly, rounds, broken: await whatIsWrong(opened, talks) }
  } finally {
    await ledger.close()
    await pool.end()
  }
}

/** New pairs talk, by a handler of their own. Adds them to `talks`. */
async function talk(
  settings: EventStoreSettings,
  ledger: Ledger,
  pool: pg.Pool,
  talks: Talk[],
  keeps: boolean,
): Promise<{ readonly rate: AppendRate; readonly made: MadeAppends }> {
  const made = new Map<StreamName, MadeAppend[]>()
  let [appends, events] = [0, 0]
  const handler = createCommandHandler({
    ledger: {
      ...ledger,
      append: (stream, batch, expected) => {
        appends++
        events += batch.length
        if (keeps) keep(made, stream, { events: batch, expected })
        return ledger.append(stream, batch, expected)
      },
    },
    snapshots: createSnapshots(pool),
    contentKeys: createContentKeys(pool, randomBytes(32)),
    temporaryBodies: createTemporaryBodies(pool),
    node: 'bench-1-000000',
    findMessage: async () => null,
    report: (error) => console.error(error),
  })
  const begun = await beginTalks(handler, settings)
  talks.push(...begun)
  ;[appends, events] = [0, 0]
  const rate = await measured(async () => {
    await talkOn(handler, begun, settings.inFlight)
    return { appends, events }
  })
  return { rate, made }
}

function keep(made: Map<StreamName, MadeAppend[]>, stream: StreamName, append: MadeAppend): void {
  const known = made.get(stream)
  if (known) known.push(append)
  else made.set(stream, [append])
}
