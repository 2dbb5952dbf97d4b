/** Sessions in the tables gateway.nodes and gateway.sessions. Uses the clock of Postgres only. */
import type pg from 'pg'
import type { NodeName } from './directory.ts'
import type { Holding, SessionStore } from './store.ts'

/** `xmax = 0`: inserted, not updated. */
const BEAT = `
  INSERT INTO gateway.nodes (node, heartbeat_at) VALUES ($1, now())
  ON CONFLICT (node) DO UPDATE SET heartbeat_at = now()
  RETURNING xmax = 0 AS inserted`

const CONNECT = `
  INSERT INTO gateway.sessions (user_id, device_id, node)
  SELECT user_id, device_id, $1 FROM unnest($2::text[], $3::text[]) AS connected (user_id, device_id)
  ON CONFLICT (user_id, device_id, node) DO UPDATE SET connected_at = now()`

const DISCONNECT = `
  DELETE FROM gateway.sessions s
  USING unnest($2::text[], $3::text[]) AS gone (user_id, device_id)
  WHERE s.node = $1 AND s.user_id = gone.user_id AND s.device_id = gone.device_id`

/** $1: the node. Its sessions go with it. */
const WITHDRAW = `
  WITH gone AS (DELETE FROM gateway.nodes WHERE node = $1)
  DELETE FROM gateway.sessions WHERE node = $1`

/** A node that beats while this runs is spared: the delete waits for its row and then finds it young. */
const FORGET_DEAD = `
  WITH dead AS (
    DELETE FROM gateway.nodes WHERE heartbeat_at <= now() - $1 * interval '1 millisecond' RETURNING node
  ), sessions AS (
    DELETE FROM gateway.sessions WHERE node IN (SELECT node FROM dead)
  )
  SELECT node FROM dead`

/**
 * Sessions without a node: written by one that was just being forgotten, and then died. Only old ones, because a node
 * that comes back renews the times of its sessions (`CONNECT`).
 */
const FORGET_ORPHANS = `
  DELETE FROM gateway.sessions s
  WHERE connected_at <= now() - $1 * interval '1 millisecond'
    AND NOT EXISTS (SELECT FROM gateway.nodes n WHERE n.node = s.node)`

const LIVE_NODES = `
  SELECT node FROM gateway.nodes WHERE heartbeat_at > now() - $1 * interval '1 millisecond'`

const FIND = `
  SELECT DISTINCT s.node, s.user_id AS "userId"
  FROM gateway.sessions s JOIN gateway.nodes n USING (node)
  WHERE s.user_id = ANY ($1) AND n.heartbeat_at > now() - $2 * interval '1 millisecond'`

export interface PostgresStoreOptions {
  readonly pool: pg.Pool
  readonly deadAfterMs: number
  /** Ends the pool when the store closes, if it was made for it. */
  readonly onClose?: () => Promise<void>
}

export function createPostgresStore({ pool, deadAfterMs, onClose }: PostgresStoreOptions): SessionStore {
  return {
    node: (name) => ({
      async beat() {
        const { rows } = await pool.query<{ inserted: boolean }>(BEAT, [name])
        return rows[0]?.inserted === false ? 'known' : 'forgotten'
      },
      async write(changes) {
        for (const [statement, connected] of [
          [DISCONNECT, false],
          [CONNECT, true],
        ] as const) {
          const chosen = changes.filter((change) => change.connected === connected)
          if (chosen.length === 0) continue
          const [users, devices] = [chosen.map((c) => c.userId), chosen.map((c) => c.deviceId)]
          await pool.query(statement, [name, users, devices])
        }
      },
      async withdraw() {
        await pool.query(WITHDRAW, [name])
      },
    }),
    async liveNodes() {
      const { rows: dead } = await pool.query<{ node: NodeName }>(FORGET_DEAD, [deadAfterMs])
      if (dead.length > 0) await pool.query(FORGET_ORPHANS, [deadAfterMs])
      const { rows } = await pool.query<{ node: NodeName }>(LIVE_NODES, [deadAfterMs])
      return rows.map(({ node }) => node)
    },
    async find(userIds) {
      const { rows } = await pool.query<Holding>({
        name: 'sessions_find',
        text: FIND,
        values: [[...userIds], deadAfterMs],
      })
      return rows
    },
    close: async () => onClose?.(),
  }
}
