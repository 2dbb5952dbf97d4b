/**
 * How far each device has kept what it was sent. Writes are batched and lazy: a lost one costs repetition, nothing else.
 *
 * A position is "safe" once nothing at or below it can still be on its way from another node: then the device has been sent
 * everything up to it, and its acknowledgement of it may be believed. While this node is cut off from others, or one of them from it, that
 * is not known of anything that comes.
 */
import type pg from 'pg'
import type { DeviceId, UserId } from '../../domain/ids.ts'
import { BEGINNING, type Position } from '../../ledger/ledger.ts'
import { coalesce } from '../../runtime/coalesce.ts'
import type { Session } from './session.ts'

export interface DeviceStart {
  /** It has kept what is at or before this. */
  readonly kept: Position
  /** The ledger's head when it first connected. */
  readonly knownFrom: Position
}

export interface DeviceStarted extends DeviceStart {
  /** Higher than that of every session of this device, on any node, that was started before. */
  readonly claim: bigint
}

export interface DevicePositions {
  /** Where the catching up of this device begins. `head` is the ledger's, in case the device is new. */
  start(userId: UserId, deviceId: DeviceId, head: Position): Promise<DeviceStarted>
  keep(session: Session, position: Position): void
  /** The device comes back with a position it was answered; resolves when that is stored, or could not be and will be tried again. */
  keepAnswered(device: Device, position: Position): Promise<void>
  /** Up to where everything has been sent to this session. */
  safe(session: Session): Position
  /** This node has seen the ledger at this position. */
  seen(position: Position): void
  close(): Promise<void>
}

/** Far longer than a push between nodes takes, and than a node can be dead without its peers noticing (35 s). */
const SAFE_AFTER_MS = 60_000
const SAMPLE_MS = 5_000
const WRITE_MS = 1_000

/** A new device begins at the beginning: it knows nothing of its person's conversations yet. */
const MAKE = `INSERT INTO gateway.devices (user_id, device_id, position, known_from)
  SELECT user_id, device_id, 0, known_from FROM unnest($1::text[], $2::text[], $3::bigint[])
    AS asked (user_id, device_id, known_from)
  ON CONFLICT DO NOTHING`

/** Of one person that are remembered; clients that call themselves something new each time would leave a row each time. */
const MAX_DEVICES = 1_000

/** A new device has just begun at the head, so that it is not the one that makes room. */
const MAKE_ROOM = `DELETE FROM gateway.devices d
  USING unnest($1::text[]) AS asked (user_id) CROSS JOIN LATERAL (
    SELECT device_id FROM gateway.devices WHERE user_id = asked.user_id
    ORDER BY greatest(position, known_from) DESC OFFSET ${MAX_DEVICES}) AS old
  WHERE d.user_id = asked.user_id AND d.device_id = old.device_id`

const STANDING = `SELECT user_id, device_id, position, known_from, nextval('gateway.claims') AS claim FROM gateway.devices
  JOIN unnest($1::text[], $2::text[]) AS asked (user_id, device_id) USING (user_id, device_id)`

const KEEP = `UPDATE gateway.devices d SET position = k.position
  FROM unnest($1::text[], $2::text[], $3::bigint[]) AS k (user_id, device_id, position)
  WHERE d.user_id = k.user_id AND d.device_id = k.device_id AND d.position < k.position`

/** Devices that one statement starts. */
const STARTED_AT_ONCE = 500

export interface Device {
  readonly userId: UserId
  readonly deviceId: DeviceId
}

interface Starting extends Device {
  readonly head: Position
}

interface Kept extends Device {
  readonly position: Position
}

interface DeviceRow {
  readonly user_id: string
  readonly device_id: string
  readonly position: string
  readonly known_from: string
  readonly claim: string
}

const nameOf = ({ userId, deviceId }: Device): string => `${userId} ${deviceId}`
const nameOfRow = (row: DeviceRow): string => `${row.user_id} ${row.device_id}`

/** @param hearsAll whether this node gets what other nodes push, as far as it knows. */
export function createDevicePositions(
  pool: pg.Pool,
  report: (error: unknown) => void,
  hearsAll: () => boolean,
): DevicePositions {
  let newest = BEGINNING
  /** By a clock that nobody sets: an hour forward would make safe what is still on its way. */
  let samples: { readonly at: number; readonly position: Position }[] = []
  let kept = new Map<string, Kept>()
  let writing: Promise<void> = Promise.resolve()
  /** Behind the one that is under way. Not one for each who asks: while the database says nothing, each would wait for its time-out. */
  let nextWrite: Promise<void> | undefined

  const sampling = setInterval(() => {
    const at = performance.now()
    // What has become safe stays so. What was seen shortly before a cut may have been overtaken by it.
    const settled = samples.findLast((sample) => at - sample.at >= SAFE_AFTER_MS)
    const waiting = samples.filter((sample) => at - sample.at < SAFE_AFTER_MS)
    samples = [...(settled ? [settled] : []), ...(hearsAll() ? [...waiting, { at, position: newest }] : [])]
  }, SAMPLE_MS)
  const writer = setInterval(() => {
    if (kept.size > 0) void writeSoon()
  }, WRITE_MS)

  /** A storm of connects costs two statements for hundreds of devices, and a commit only where one is new. */
  const starting = coalesce<Starting, ReadonlyMap<string, DeviceStarted>>(STARTED_AT_ONCE, async (asked) => {
    // Always in the same order, so that two nodes cannot wait for each other.
    const devices = [...asked].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    const ids = [devices.map(({ userId }) => userId), devices.map(({ deviceId }) => deviceId)]
    const standing = async () => {
      const { rows } = await pool.query<DeviceRow>({ name: 'devices-standing', text: STANDING, values: ids })
      return rows
    }
    let rows = await standing()
    if (new Set(rows.map(nameOfRow)).size < new Set(devices.map(nameOf)).size) {
      const heads = devices.map(({ head }) => head)
      await pool.query({ name: 'devices-make', text: MAKE, values: [...ids, heads] })
      rows = await standing()
      void makeRoom([...new Set(devices.map(({ userId }) => userId))])
    }
    return new Map(
      rows.map((row) => [
        nameOfRow(row),
        {
          kept: BigInt(row.position) as Position,
          knownFrom: BigInt(row.known_from) as Position,
          claim: BigInt(row.claim),
        },
      ]),
    )
  })

  async function makeRoom(userIds: readonly UserId[]): Promise<void> {
    await pool.query({ name: 'devices-make-room', text: MAKE_ROOM, values: [userIds] }).catch(report)
  }

  function note({ userId, deviceId }: Device, position: Position): void {
    const name = nameOf({ userId, deviceId })
    const noted = kept.get(name)
    if (!noted || noted.position < position) kept.set(name, { userId, deviceId, position })
  }

  /** With everything that is noted until it begins. */
  function writeSoon(): Promise<void> {
    if (nextWrite) return nextWrite
    const next = writing.then(() => {
      nextWrite = undefined
      return write()
    })
    nextWrite = next
    writing = next
    return next
  }

  async function write(): Promise<void> {
    if (kept.size === 0) return
    const rows = [...kept.values()]
    kept = new Map()
    const values = [
      rows.map(({ userId }) => userId),
      rows.map(({ deviceId }) => deviceId),
      rows.map(({ position }) => String(position)),
    ]
    await pool.query({ name: 'devices-keep', text: KEEP, values }).catch((error: unknown) => {
      report(error)
      // Written again with the next: a lost position would be one that its device repeats everything after.
      for (const row of rows) note(row, row.position)
    })
  }

  function safe(session: Session): Position {
    const old = samples.findLast(({ at }) => performance.now() - at >= SAFE_AFTER_MS)
    const settled = session.mode === 'live' && !session.doubted ? (old?.position ?? BEGINNING) : BEGINNING
    return settled > session.position ? settled : session.position
  }

  return {
    start: async (userId, deviceId, head) => {
      // What it said just before it came back counts already.
      await (kept.has(nameOf({ userId, deviceId })) ? writeSoon() : writing)
      const started = (await starting.add({ userId, deviceId, head })).get(nameOf({ userId, deviceId }))
      if (!started) throw new Error('a device was neither made nor found')
      return started
    },
    keep: (session, position) => {
      const limit = safe(session)
      note(session, position < limit ? position : limit)
    },
    keepAnswered: (device, position) => {
      note(device, position)
      return writeSoon()
    },
    safe,
    seen: (position) => {
      if (position > newest) newest = position
    },
    close: async () => {
      clearInterval(sampling)
      clearInterval(writer)
      await writeSoon()
    },
  }
}
