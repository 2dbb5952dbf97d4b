/** Makes `read_next` ready to be built: a new one, or the one that an earlier rebuild left behind. */
import type pg from 'pg'
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

/** True if an earlier rebuild is taken up where it ended. */
export async function prepareNext(client: pg.ClientBase, fresh: boolean): Promise<boolean> {
  const read = await findReadModel(client, 'read')
  if (!fresh && (await canResume(client, read !== null))) return true
  await client.query(DROP_NEXT)
  await createReadSchema(client, 'read_next', REBUILD_SETTINGS.lanes)
  if (read) await client.query(COPY_SKIPPED)
  return false
}

async function canResume(client: pg.ClientBase, besideRead: boolean): Promise<boolean> {
  const next = await findReadModel(client, 'read_next')
  if (next?.version !== READ_MODEL_VERSION) return false
  if (!besideRead) return true
  const { rows } = await client.query<{ differ: boolean }>(SKIPPED_DIFFER)
  return rows[0]?.differ === false
}

export async function dropNext(client: pg.ClientBase): Promise<void> {
  await client.query(DROP_NEXT)
}
