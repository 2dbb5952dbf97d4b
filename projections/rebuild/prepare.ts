/** Makes `read_next` ready to be built: a new one, or the one that an earlier rebuild left behind. */
import type pg from 'pg'
import type { Logger } from '../../runtime/logging.ts'
import { REBUILD_SETTINGS } from '../engine/settings.ts'
import { createReadSchema, findReadModel, READ_MODEL_VERSION } from '../schema.ts'

const DROP_NEXT = 'DROP SCHEMA IF EXISTS read_next CASCADE'

/** Events that a person decided to leave out stay left out. */
const COPY_SKIPPED = 'INSERT INTO read_next.skipped_events SELECT * FROM read.skipped_events'

/** Whether the two builds were told to leave out different events. */
const SKIPPED_DIFFER = `
  SELECT EXISTS (
    (SELECT position FROM read.skipped_events EXCEPT SELECT position FROM read_next.skipped_events)
    UNION ALL
    (SELECT position FROM read_next.skipped_events EXCEPT SELECT position FROM read.skipped_events)
  ) AS differ`

export interface ParkedByRebuild {
  readonly conversationId: string
  readonly reason: string
}

/** What the program that is in place understood, and this rebuild did not; in the order of the ledger. */
export async function parkedByRebuild(
  client: pg.ClientBase,
  besideRead: boolean,
): Promise<readonly ParkedByRebuild[]> {
  // One that is parked in `read` too, but for a later event, is less here than there.
  const before = besideRead
    ? `WHERE NOT EXISTS (SELECT FROM read.parked_conversations used
                         WHERE used.conversation_id = built.conversation_id AND used.position <= built.position)`
    : ''
  const { rows } = await client.query<ParkedByRebuild>(
    `SELECT conversation_id AS "conversationId", reason FROM read_next.parked_conversations built ${before} ORDER BY position`,
  )
  return rows
}

/** True if an earlier rebuild is taken up where it ended. */
export async function prepareNext(client: pg.ClientBase, fresh: boolean, log: Logger): Promise<boolean> {
  const read = await findReadModel(client, 'read')
  if (!fresh && (await canResume(client, read !== null, log))) return true
  await client.query(DROP_NEXT)
  await createReadSchema(client, 'read_next', REBUILD_SETTINGS.lanes)
  if (read) await client.query(COPY_SKIPPED)
  return false
}

async function canResume(client: pg.ClientBase, besideRead: boolean, log: Logger): Promise<boolean> {
  const next = await findReadModel(client, 'read_next')
  if (next?.version !== READ_MODEL_VERSION) return false
  // Nobody retries what is parked there. If the program was corrected meanwhile, it understands the event from the beginning.
  const parked = await parkedByRebuild(client, besideRead)
  if (parked.length > 0) {
    log.warn(
      { parked },
      'the rebuild before this one did not understand these conversations: it begins afresh',
    )
    return false
  }
  return !besideRead || !(await skippedDiffer(client))
}

export async function skippedDiffer(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ differ: boolean }>(SKIPPED_DIFFER)
  return rows[0]?.differ !== false
}

export async function dropNext(client: pg.ClientBase): Promise<void> {
  await client.query(DROP_NEXT)
}
