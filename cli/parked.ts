/** `triptick parked`: conversations whose read models wait because an event of theirs could not be applied. */
import type { Command } from 'commander'
import type { ParkedConversation } from '../projections/parked/list.ts'
import { startProblem } from '../runtime/problem.ts'
import type { ReadModels } from './read-models.ts'
import { settings } from './settings.ts'

interface Flags {
  readonly json?: true
}

/** No id need be a UUID: what is parked of a person is named by their stream. */
const NAMED = 'as `parked list` shows it'

export function registerParked(program: Command): void {
  const parked = program
    .command('parked')
    .description('conversations whose read models wait, because an event of theirs could not be applied')
    .addHelpText('after', HELP)
  parked
    .command('list')
    .description('which conversations are parked, and why')
    .option('--json', 'one JSON object a line')
    .action((flags: Flags) => withReadModels((models) => list(models, flags)))
  parked
    .command('show')
    .description('the parked events of a conversation, in order')
    .argument('<conversationId>', NAMED)
    .option('--json', 'one JSON object a line')
    .action((id: string, flags: Flags) => withReadModels((models) => show(models, id, flags)))
  parked
    .command('retry')
    .description('apply the parked events of a conversation, in order, up to the first that still fails')
    .argument('<conversationId>', NAMED)
    .option('--json', 'print the result as JSON')
    .action((id: string, flags: Flags) => withReadModels((models) => retry(models, id, flags)))
  parked
    .command('skip')
    .description('leave the first parked event of a conversation out of the read models; the ledger keeps it')
    .argument('<conversationId>', `${NAMED}, or named by a rebuild that could not apply an event of it`)
    .requiredOption('--reason <text>', 'why; it is kept beside the event')
    .option('--json', 'print the result as JSON')
    .action((id: string, flags: Flags & { reason: string }) =>
      withReadModels((models) => skip(models, id, flags)),
    )
}

const HELP = `
The ledger is untouched, and all other conversations go on. A new version of the program may understand the event: retry.

Examples:
  npx triptick parked list
  npx triptick parked retry 0199a3c2-7d51-7a4e-9c65-3f0a2b1c4d5e
  npx triptick parked skip 0199a3c2-7d51-7a4e-9c65-3f0a2b1c4d5e --reason "written by a broken test build, see INC-12"`

/** The exit code is what `work` answers. */
async function withReadModels(work: (models: ReadModels) => Promise<number>): Promise<void> {
  const [{ openReadModels }, { findReadModel }] = await Promise.all([
    import('./read-models.ts'),
    import('../projections/schema.ts'),
  ])
  const models = await openReadModels(settings())
  try {
    if ((await findReadModel(models.pool, 'read')) === null) {
      throw startProblem(
        'there are no read models yet',
        'Start Triptick once, or run `npx triptick rebuild`.',
      )
    }
    process.exitCode = await work(models)
  } finally {
    await models.close()
  }
}

async function list({ pool }: ReadModels, { json }: Flags): Promise<number> {
  const { parkedConversations } = await import('../projections/parked/list.ts')
  const all = await parkedConversations(pool)
  for (const one of all) console.log(json ? toJson(one) : describe(one))
  if (all.length === 0 && !json) console.log('nothing is parked')
  return 0
}

const describe = ({ conversationId, events, type, position, reason }: ParkedConversation): string =>
  `${conversationId}  ${events} ${events === 1 ? 'event' : 'events'} from position ${position} on\n  ${type}: ${reason}`

async function show({ pool }: ReadModels, id: string, { json }: Flags): Promise<number> {
  const { parkedEvents } = await import('../projections/parked/list.ts')
  let isParked = false
  for await (const event of parkedEvents(pool, id)) {
    isParked = true
    const { position, type, stream, revision, eventId } = event
    console.log(json ? toJson(event) : `${position}  ${type}  ${stream}@${revision}  ${eventId}`)
  }
  if (!isParked) throw notParked(id)
  return 0
}

async function retry({ databaseUrl, ledger }: ReadModels, id: string, { json }: Flags): Promise<number> {
  const [{ checkLedger }, { retryParked }, { createSession }] = await Promise.all([
    import('../ledger/open.ts'),
    import('../projections/parked/retry.ts'),
    import('../projections/engine/session.ts'),
  ])
  await checkLedger(settings().ledgerUrl)
  const session = createSession(databaseUrl, 'triptick parked retry')
  try {
    const outcome = await retryParked(session, ledger, id)
    if (outcome.kind === 'not-parked') throw notParked(id)
    if (json) console.log(toJson(outcome))
    else if (outcome.kind === 'freed')
      console.log(`applied ${outcome.applied} events: ${id} is parked no more`)
    else {
      console.log(
        `applied ${outcome.applied} events, then stopped at position ${outcome.at.position}, ${outcome.at.type}:`,
      )
      console.log(`  ${outcome.reason}`)
    }
    return outcome.kind === 'freed' ? 0 : 1
  } finally {
    await session.close()
  }
}

async function skip(
  { pool }: ReadModels,
  id: string,
  { json, reason }: Flags & { reason: string },
): Promise<number> {
  if (reason.trim() === '') throw startProblem('the reason is empty', 'Say why the event may be left out.')
  const { skipParked } = await import('../projections/parked/skip.ts')
  const outcome = await skipParked(pool, id, reason)
  if (outcome.kind === 'not-parked') throw notParked(id)
  if (json) console.log(toJson(outcome))
  else {
    console.log(`left out ${outcome.type} at position ${outcome.position}`)
    if (outcome.build === 'read_next') console.log('rebuilds leave it out from now on: npx triptick rebuild')
    else if (outcome.waiting) console.log(`the later events still wait: npx triptick parked retry ${id}`)
  }
  return 0
}

const notParked = (id: string) =>
  startProblem(`conversation ${id} is not parked`, '`npx triptick parked list` shows those that are.')

/** Positions as text, as everywhere on the wire. */
const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, field: unknown) => (typeof field === 'bigint' ? String(field) : field))
