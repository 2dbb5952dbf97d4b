/**
 * Disposable snapshots of folds, in Postgres whichever ledger is used. Losing one, or all, costs reading a longer tail; a
 * snapshot that another version of the fold wrote is ignored.
 */
import type pg from 'pg'
import type { Revision, StreamName } from './ledger.ts'

export interface Snapshot<T> {
  readonly revision: Revision
  readonly state: T
}

export interface Snapshots {
  load<T>(stream: StreamName, stateVersion: number): Promise<Snapshot<T> | undefined>
  save(stream: StreamName, stateVersion: number, snapshot: Snapshot<unknown>): Promise<void>
  /** Of a stream that does not hold what the snapshot was made of: nothing would ever be saved over it. */
  drop(stream: StreamName): Promise<void>
}

const LOAD =
  'SELECT revision, state::text AS state FROM ledger.snapshots WHERE stream = $1 AND state_version = $2'

/** A slower process may not put an older snapshot over a newer one. */
const SAVE = `INSERT INTO ledger.snapshots (stream, revision, state_version, state) VALUES ($1, $2, $3, $4)
  ON CONFLICT (stream) DO UPDATE
    SET revision = excluded.revision, state_version = excluded.state_version, state = excluded.state
    WHERE snapshots.revision < excluded.revision OR snapshots.state_version <> excluded.state_version`

const DROP = 'DELETE FROM ledger.snapshots WHERE stream = $1'

export function createSnapshots(pool: pg.Pool): Snapshots {
  return {
    load: async <T>(stream: StreamName, stateVersion: number) => {
      const { rows } = await pool.query<{ revision: number; state: string }>({
        name: 'snapshot-load',
        text: LOAD,
        values: [stream, stateVersion],
      })
      const row = rows[0]
      return row && { revision: row.revision as Revision, state: JSON.parse(row.state, reviveMap) as T }
    },
    save: async (stream, stateVersion, { revision, state }) => {
      const values = [stream, revision, stateVersion, JSON.stringify(state, replaceMap)]
      await pool.query({ name: 'snapshot-save', text: SAVE, values })
    },
    drop: async (stream) => {
      await pool.query({ name: 'snapshot-drop', text: DROP, values: [stream] })
    },
  }
}

const replaceMap = (_key: string, value: unknown): unknown =>
  value instanceof Map ? { $map: [...value] } : value

function reviveMap(_key: string, value: unknown): unknown {
  const entries = (value as { $map?: unknown } | null)?.$map
  return Array.isArray(entries) ? new Map(entries as [unknown, unknown][]) : value
}
