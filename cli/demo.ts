/** `triptick demo`: people exchange messages on a real system, the terminal shows each tick, then the ledger what it holds. */
import type { Command } from 'commander'
import type { Ledger } from '../ledger/ledger.ts'
import type { Screen } from './demo/screen.ts'
import type { Told } from './demo/story.ts'
import type { System } from './system/system.ts'

interface DemoOptions {
  readonly url?: string
}

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('two people and a group exchange messages; see each tick, then the events behind it')
    .option(
      '--url <url>',
      'a Triptick that runs (default: TRIPTICK_URL, the one of the data folder, or its own)',
    )
    .addHelpText('after', HELP)
    .action(demo)
}

const HELP = `
Without a Triptick that runs it starts one of its own, with a data folder that is gone afterwards.
With --url it reads the ledger of that Triptick too: TRIPTICK_DATA, or DATABASE_URL (and LEDGER_URL), have to name it.
NO_COLOR is honoured.

Examples:
  npm run demo
  npx triptick demo --url http://127.0.0.1:8080`

async function demo({ url }: DemoOptions): Promise<void> {
  const [{ createScreen, wantsColour }, { findSystem }, { listenForStop }] = await Promise.all([
    import('./demo/screen.ts'),
    import('./system/find-system.ts'),
    import('../runtime/shutdown.ts'),
  ])
  const signals = listenForStop()
  const screen = createScreen(console.log, wantsColour(process.env, process.stdout.isTTY === true))
  const system = await findSystem(url, { TRIPTICK_DELIVERY_GRACE_MS: '1000' })
  try {
    screen.blank()
    screen.title('Triptick', `${system.url}${system.own ? ', started for this demo' : ''}`)
    const interrupted = await Promise.race([play(screen, system), signals.first])
    process.exitCode = interrupted === undefined ? 0 : 130
  } finally {
    await system.stop()
  }
  // Sockets of an interrupted story are still open.
  process.exit()
}

async function play(screen: Screen, system: System): Promise<void> {
  const [{ openCommandLedger }, { tell }] = await Promise.all([
    import('./system/command-ledger.ts'),
    import('./demo/story.ts'),
  ])
  // Before the story: where there is no ledger to read, it would have no end.
  const { ledger, close } = await openCommandLedger(system.config)
  try {
    await showEvents(screen, ledger, await tell(system, screen))
    if (system.own)
      screen.plain('  This Triptick ends here, and its ledger with it: `npm start` has one that stays.\n')
  } finally {
    await close()
  }
}

async function showEvents(screen: Screen, ledger: Ledger, { conversationId, message }: Told): Promise<void> {
  const [{ conversationEvents }, { tableHead, tableRow }] = await Promise.all([
    import('./events/conversation-events.ts'),
    import('./events/event-table.ts'),
  ])
  screen.chapter('4  The life of that message, out of the ledger')
  screen.plain(`\n    $ npx triptick events ${conversationId} --message ${message.messageId.slice(0, 8)}\n`)
  screen.plain(`  ${tableHead()}`)
  for await (const fact of conversationEvents(ledger, conversationId, message.messageId)) {
    screen.plain(`  ${tableRow(fact)}`)
  }
  screen.blank()
}
