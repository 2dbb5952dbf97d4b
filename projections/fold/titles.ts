/** What a batch adds to `conversation_titles`, and the titles it gives to `conversations`. */
import type { ConversationRenamed, ConversationStarted } from '../../domain/events.ts'
import type { ConversationId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { numbers, plain, written } from '../../runtime/array-literals.ts'
import type { ReadSchema } from '../schema.ts'
import { perSchema } from './per-schema.ts'
import type { Write } from './write.ts'

interface TitleChange {
  readonly event: ConversationStarted | ConversationRenamed
  readonly position: Position
}

/** In the order of the ledger. */
export type TitleChanges = TitleChange[]

export function addTitle(changes: TitleChanges, event: TitleChange['event'], position: Position): void {
  changes.push({ event, position })
}

const addTitles = perSchema((schema) => ({
  name: `${schema}: add titles`,
  text: `
    INSERT INTO ${schema}.conversation_titles (conversation_id, position, title, by, at)
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bigint[])`,
}))

const renameConversations = perSchema((schema) => ({
  name: `${schema}: rename conversations`,
  text: `
    UPDATE ${schema}.conversations c SET title = change.title
    FROM unnest($1::uuid[], $2::text[]) AS change (conversation_id, title)
    WHERE c.conversation_id = change.conversation_id`,
}))

export function titleWrites(schema: ReadSchema, changes: TitleChanges): Write[] {
  if (changes.length === 0) return []
  const newest = new Map<ConversationId, string | undefined>()
  for (const { event } of changes) newest.set(event.conversationId, event.title)
  const renamed = [...newest]
  return [
    {
      statement: addTitles(schema),
      values: [
        plain(changes, ({ event }) => event.conversationId),
        numbers(changes, ({ position }) => position),
        written(changes, ({ event }) => event.title),
        plain(changes, ({ event }) => event.by),
        numbers(changes, ({ event }) => event.at),
      ],
    },
    {
      statement: renameConversations(schema),
      values: [plain(renamed, ([id]) => id), written(renamed, ([, title]) => title)],
      rows: renamed.length,
    },
  ]
}
