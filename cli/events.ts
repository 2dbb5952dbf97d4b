/** `triptick events`: what the ledger holds about a conversation or one message of it. Never shows what a message says. */
import { type Command, InvalidArgumentError } from 'commander'
import { conversationId } from '../domain/fields.ts'
import type { ConversationId } from '../domain/ids.ts'
import { startProblem } from '../runtime/problem.ts'
import { settings } from './settings.ts'

interface EventsOptions {
  readonly message?: string
  readonly json?: true
}

export function registerEvents(program: Command): void {
  program
    .command('events')
    .description('list the events of a conversation, out of the ledger')
    .argument('<conversationId>', 'as POST /v1/conversations answered it', parseConversation)
    .option(
      '--message <messageId>',
      'only what concerns this message; the first 8 digits of its id will do',
      parseMessage,
    )
    .option('--json', 'one JSON object a line, with all metadata')
    .addHelpText('after', HELP)
    .action(events)
}

const HELP = `
Bodies are not shown, only their size and hash. Of an event that cannot be understood stands why, and the list goes on.
It reads the ledger in the database of DATABASE_URL, else in the embedded one of TRIPTICK_DATA, running or not. With LEDGER_URL it
reads that one, and needs one of the two all the same.

Examples:
  npx triptick events 0199a3c2-7d51-7a4e-9c65-3f0a2b1c4d5e
  npx triptick events 0199a3c2-7d51-7a4e-9c65-3f0a2b1c4d5e --message 49413c1b
  npx triptick events 0199a3c2-7d51-7a4e-9c65-3f0a2b1c4d5e --json | jq -r .metadata.hash`

async function events(id: ConversationId, { message, json }: EventsOptions): Promise<void> {
  const [{ openCommandLedger }, { conversationEvents }, { tableHead, tableRow, jsonOf }] = await Promise.all([
    import('./system/command-ledger.ts'),
    import('./events/conversation-events.ts'),
    import('./events/event-table.ts'),
  ])
  const { ledger, close } = await openCommandLedger(settings())
  let count = 0
  try {
    for await (const fact of conversationEvents(ledger, id, message)) {
      if (count++ === 0 && !json) console.log(tableHead())
      console.log(json ? JSON.stringify(jsonOf(fact)) : tableRow(fact))
    }
  } finally {
    await close()
  }
  if (count === 0) {
    throw startProblem(
      `the ledger holds nothing about ${message === undefined ? `conversation ${id}` : `message ${message}`}`,
      'Check the id, and that TRIPTICK_DATA or DATABASE_URL names the right system.',
    )
  }
}

function parseConversation(text: string): ConversationId {
  const parsed = conversationId.safeParse(text)
  if (parsed.success) return parsed.data
  throw new InvalidArgumentError('It must be a UUID in lowercase.')
}

function parseMessage(text: string): string {
  if (/^[0-9a-f]{8,64}$/.test(text)) return text
  throw new InvalidArgumentError('It must be 8 to 64 hexadecimal digits in lowercase.')
}
