/**
 * How far each device has kept what it was sent. Writes are batched and lazy: a lost one costs repetition, nothing else.
 *
 * A position is "safe" once nothing at or below it can still be on its way from another node: then the device has been sent
 * everything up to it, and its acknowledgement of it may be believed.
 */
import type pg from 'pg'
import type { DeviceId, UserId } from '../../domain/ids.ts'
import { BEGINNING, type Position } from '../../ledger/ledger.ts'
import type { Session } from './session.ts'

export interface DeviceStart {
  /** It has kept what is at or before this. */
  readonly kept: Position
  /** The ledger's head when it first connected. */
  readonly knownFrom: Position
}

export interface DevicePositions {
  /** Where the catching up of this device begins. `head` is the ledger's, in case the device is new. */
  start(userId: UserId, deviceId: DeviceId, head: Position): Promise<DeviceStart>
  keep(session: Session, position: Position): void
  /** Up to where everything has been sent to this session. */
  safe(session: Session): Position
  /** This node has seen the ledger at this position. */
  seen(position: Position): void
  close(): Promise<void>
}

/** Far longer than a push between nodes takes. */
const SAFE_AFTER_MS = 30_000
const SAMPLE_MS = 5_000
const WRITE_MS = 1_000

/** A new device begins at the beginning: it knows nothing of its person's conversations yet. */
const START = `WITH made AS (
  INSERT INTO gateway.devices (user_id, device_id, position, known_from) VALUES ($1, $2, 0, $3)
  ON CONFLICT DO NOTHING RETURNING position, known_from
) SELECT position, known_from FROM made UNION ALL
  SELECT position, known_from FROM gateway.devices WHERE user_id = $1 AND device_id = $2`

const KEEP = `UPDATE gateway.devices d SET position = k.position
  FROM unnest($1::text[], $2::text[], $3::bigint[]) AS k (user_id, device_id, position)
  WHERE d.user_id = k.user_id AND d.device_id = k.device_id AND d.position < k.position`

interface Kept {
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly position: Position
}

export function createDevicePositions(pool: pg.Pool, report: (error: unknown) => void): DevicePositions {
  let newest = BEGINNING
  let samples: { readonly at: number; readonly position: Position }[] = []
  let kept = new Map<string, Kept>()
  let writing: Promise<void> = Promise.resolve()

  const sampling = setInterval(() => {
    const at = Date.now()
    samples = [...samples.filter((sample) => at - sample.at < 2 * SAFE_AFTER_MS), { at, position: newest }]
  }, SAMPLE_MS)
  const writer = setInterval(() => {
    if (kept.size > 0) writing = writing.then(write)
  }, WRITE_MS)

  async function write(): Promise<void> {
    const rows = [...kept.values()]
    kept = new Map()
    const values = [
      rows.map(({ userId }) => userId),
      rows.map(({ deviceId }) => deviceId),
      rows.map(({ position }) => String(position)),
    ]
    await pool.query({ name: 'devices-keep', text: KEEP, values }).catch(report)
  }

  function safe(session: Session): Position {
    const old = samples.findLast(({ at }) => Date.now() - at >= SAFE_AFTER_MS)
    const settled = session.mode === 'live' ? (old?.position ?? BEGINNING) : BEGINNING
    return settled > session.position ? settled : session.position
  }

  return {
    start: async (userId, deviceId, head) => {
      const { rows } = await pool.query<{ position: string; known_from: string }>({
        name: 'device-start',
        text: START,
        values: [userId, deviceId, head],
      })
      // No row: the same device is connecting twice at this moment, both for the first time.
      const { position, known_from } = rows[0] ?? { position: 0, known_from: head }
      return { kept: BigInt(position) as Position, knownFrom: BigInt(known_from) as Position }
    },
    keep: (session, position) => {
      const { userId, deviceId } = session
      const limit = safe(session)
      kept.set(`${userId} ${deviceId}`, { userId, deviceId, position: position < limit ? position : limit })
    },
    safe,
    seen: (position) => {
      if (position > newest) newest = position
    },
    close: async () => {
      clearInterval(sampling)
      clearInterval(writer)
      await writing
      await write()
    },
  }
}
