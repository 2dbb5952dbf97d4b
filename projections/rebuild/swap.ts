/**
 * Puts another build of the read models into place, in one transaction. Queries never wait: `read` is a name, and each
 * statement finds what it stands for when it runs. A running engine finds its checkpoints gone, sees by the generation that
 * another build is in place, and goes on with that one (`engine/checkpoint.ts`, "replaced").
 */
import pg from 'pg'
import { NOTICE_VANISHED_CLIENT } from '../../runtime/postgres.ts'
import { noteFreedBy } from '../parked/note-freed.ts'
import { dropNext } from './prepare.ts'

/** Engines wait, readers do not. An engine's transaction begins with its checkpoint, so none is half done now. */
const HOLD_LIVE = 'LOCK TABLE read.checkpoints IN EXCLUSIVE MODE'

const NEXT_GENERATION = `
  SELECT max(generation) + 1 AS generation FROM (
    SELECT generation FROM read.model UNION ALL SELECT generation FROM OTHER.model
  ) builds`

export async function connect(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'triptick rebuild' })
  client.on('error', () => {})
  await client.connect()
  // It may hold the checkpoints of the engine that runs.
  await client.query(NOTICE_VANISHED_CLIENT)
  return client
}

/** Runs `work` while no engine can write to `read`. Rolls back, if it did anything on `client`, when it fails. */
export async function holdLive<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN')
  try {
    await client.query(HOLD_LIVE)
    const result = await work()
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

/** `read` becomes `read_previous`, `read_next` becomes `read`. Within the transaction of `holdLive`. */
export async function putInPlace(client: pg.Client): Promise<void> {
  const generation = await nextGeneration(client, 'read_next')
  await client.query(noteFreedBy('read_next'))
  await client.query('ALTER SCHEMA read RENAME TO read_previous')
  await client.query('ALTER SCHEMA read_next RENAME TO read')
  await client.query(
    `UPDATE read.model SET generation = $1, caught_up_at = (SELECT caught_up_at FROM read_previous.model)`,
    [generation],
  )
}

/**
 * `read` and `read_previous` change names; what is put back then catches up. An unfinished build gives up its name for it: it was
 * begun beside what goes now. Within the transaction of `holdLive`.
 */
export async function putBack(client: pg.Client): Promise<void> {
  const generation = await nextGeneration(client, 'read_previous')
  await client.query(noteFreedBy('read_previous'))
  await dropNext(client)
  await client.query('ALTER SCHEMA read RENAME TO read_next')
  await client.query('ALTER SCHEMA read_previous RENAME TO read')
  await client.query('ALTER SCHEMA read_next RENAME TO read_previous')
  await client.query('UPDATE read.model SET generation = $1', [generation])
}

/** Where nothing was in place before. */
export async function putFirst(client: pg.Client): Promise<void> {
  await client.query('ALTER SCHEMA read_next RENAME TO read')
}

async function nextGeneration(client: pg.Client, other: 'read_next' | 'read_previous'): Promise<string> {
  const { rows } = await client.query<{ generation: string }>(NEXT_GENERATION.replace('OTHER', other))
  return rows[0]?.generation ?? '1'
}
