/** `triptick rebuild`: the read models anew from the ledger, without downtime. */
import { type Command, Option } from 'commander'
import type { RebuildResult } from '../projections/rebuild/rebuild.ts'
import { settings } from './settings.ts'

interface RebuildFlags {
  readonly compare?: true
  /** False with `--no-swap`. */
  readonly swap: boolean
  readonly return?: true
  readonly fresh?: true
  readonly search?: true
  readonly json?: true
}

export function registerRebuild(program: Command): void {
  program
    .command('rebuild')
    .description('build the read models anew from the ledger, beside those in use, and put them in place')
    .option(
      '--compare',
      'compare every table with those in use first, if there is anything to compare with; a difference is exit code 1, and nothing is swapped',
    )
    .option('--no-swap', 'only build (and compare), and leave everything as it was')
    .addOption(
      new Option('--return', 'put those back that were in use before the last rebuild').conflicts([
        'compare',
        'swap',
        'fresh',
      ]),
    )
    .option('--fresh', 'begin at the beginning even if an earlier rebuild was cut short')
    .addOption(
      new Option(
        '--search',
        'only the search index: empties it, and the running system fills it again',
      ).conflicts(['compare', 'swap', 'return', 'fresh']),
    )
    .option('--json', 'print the result as one JSON object')
    .addHelpText('after', HELP)
    .action(async (flags: RebuildFlags) => {
      if (flags.search) await emptySearch(flags)
      else process.exitCode = flags.return ? await goBack(flags) : await run(flags)
    })
}

const HELP = `
Everything else goes on meanwhile. Cut short, it goes on where it ended when it is run again.
Where no read models of this version and this ledger are in use, --compare has nothing to compare with: it says so, and swaps.

Examples:
  npx triptick rebuild --compare
  npx triptick rebuild --compare --no-swap --json | jq .compared
  npx triptick rebuild --return`

async function run({ compare, swap, fresh, json }: RebuildFlags): Promise<number> {
  const [{ openReadModels }, { checkLedger }, { rebuild }, { createProgressBar }] = await Promise.all([
    import('./read-models.ts'),
    import('../ledger/open.ts'),
    import('../projections/rebuild/rebuild.ts'),
    import('./rebuild-progress.ts'),
  ])
  const interrupted = new AbortController()
  const interrupt = () => interrupted.abort(new Error('interrupted: run it again to go on'))
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  const config = settings()
  await checkLedger(config.ledgerUrl)
  const { ledger, databaseUrl, log, close } = await openReadModels(config)
  const bar = createProgressBar(process.stderr, await ledger.head())
  try {
    const result = await rebuild({
      databaseUrl,
      ledger,
      log,
      signal: interrupted.signal,
      compare: compare === true,
      swap,
      fresh: fresh === true,
      onProgress: bar.update,
    })
    bar.end()
    if (compare && !result.compared) {
      const said = 'not compared: no read models of this version and this ledger were in use'
      if (json) console.error(said)
      else console.log(said)
    }
    console.log(json ? JSON.stringify(result) : describe(result))
    return result.compared?.some(({ equal }) => !equal) ? 1 : 0
  } catch (error) {
    bar.end()
    if (!interrupted.signal.aborted) throw error
    console.error('interrupted: run it again to go on')
    return 130
  } finally {
    await close()
  }
}

async function goBack({ json }: RebuildFlags): Promise<number> {
  const [{ openReadModels }, { returnToPrevious }] = await Promise.all([
    import('./read-models.ts'),
    import('../projections/rebuild/return.ts'),
  ])
  const { databaseUrl, close } = await openReadModels(settings())
  try {
    await returnToPrevious(databaseUrl)
  } finally {
    await close()
  }
  console.log(
    json
      ? JSON.stringify({ returned: true })
      : 'the read models from before the last rebuild are back in place',
  )
  return 0
}

async function emptySearch({ json }: RebuildFlags): Promise<void> {
  const [{ openReadModels }, { emptyIndex }] = await Promise.all([
    import('./read-models.ts'),
    import('../projections/search/write-index.ts'),
  ])
  const { pool, close } = await openReadModels(settings())
  try {
    await emptyIndex(pool)
  } finally {
    await close()
  }
  console.log(json ? JSON.stringify({ emptied: true }) : 'the search index is empty, and is filled again')
}

function describe({
  events,
  seconds,
  eventsPerSecond,
  resumed,
  compared,
  swapped,
  pausedMs,
}: RebuildResult): string {
  const lines = [
    `${resumed ? 'went on and folded' : 'folded'} ${count(events)} events in ${seconds.toFixed(1)} s (${count(eventsPerSecond)} a second)`,
  ]
  for (const { table, equal, rows, differing } of compared ?? []) {
    lines.push(
      equal
        ? `  equal      ${table}: ${count(rows.read)} rows`
        : `  DIFFERENT  ${table}: ${count(rows.read)} rows in use, ${count(rows.rebuilt)} rebuilt; for example ${differing.join(', ')}`,
    )
  }
  if (swapped)
    lines.push(
      `in place; the live projection paused for ${pausedMs} ms. To go back: npx triptick rebuild --return`,
    )
  else if (compared?.some(({ equal }) => !equal))
    lines.push('nothing was swapped; what was rebuilt stands in the schema read_next')
  return lines.join('\n')
}

const count = (n: number): string => n.toLocaleString('en-US')
