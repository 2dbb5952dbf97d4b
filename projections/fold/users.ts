/** What a batch changes about people: when they were last seen, where their devices are connected, what they share. */
import type { DeviceConnected, DeviceDisconnected, PrivacyChanged, UserEvent } from '../../domain/events.ts'
import type { Millis, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { numbers, plain, written } from '../../runtime/array-literals.ts'
import type { ReadSchema } from '../schema.ts'
import { perSchema } from './per-schema.ts'
import type { Write } from './write.ts'

interface Seen {
  readonly userId: UserId
  readonly at: Millis
  readonly position: Position
}

interface DeviceChange {
  readonly event: DeviceConnected | DeviceDisconnected
  /** When this connection began, if that is in this batch. */
  readonly connectedAt?: Millis
  readonly position: Position
}

interface PrivacyChange {
  readonly event: PrivacyChanged
  readonly position: Position
}

/** The newest of each; devices by user and device id. */
export interface UserChanges {
  readonly seen: Map<UserId, Seen>
  readonly devices: Map<string, DeviceChange>
  readonly privacy: Map<UserId, PrivacyChange>
}

export function foldUserEvent(changes: UserChanges, event: UserEvent, position: Position): void {
  switch (event.type) {
    case 'UserSeen':
      return see(changes, event.userId, event.at, position)
    case 'DeviceConnected':
      changes.devices.set(nameOf(event), { event, connectedAt: event.at, position })
      return
    case 'DeviceDisconnected': {
      const begun = changes.devices.get(nameOf(event))
      const connectedAt = begun?.event.connection === event.connection ? begun.connectedAt : undefined
      changes.devices.set(nameOf(event), {
        event,
        ...(connectedAt === undefined ? {} : { connectedAt }),
        position,
      })
      if (event.seenAt !== undefined) see(changes, event.userId, event.seenAt, position)
      return
    }
    case 'PrivacyChanged':
      changes.privacy.set(event.userId, { event, position })
      return
    default:
      event satisfies never
  }
}

const nameOf = ({ userId, deviceId }: DeviceChange['event']): string => `${userId} ${deviceId}`

/** Only forwards: a connection's end may tell of a time before what was recorded meanwhile. */
function see({ seen }: UserChanges, userId: UserId, at: Millis, position: Position): void {
  const before = seen.get(userId)
  if (before === undefined || at > before.at) seen.set(userId, { userId, at, position })
}

const moveLastSeen = perSchema((schema) => ({
  name: `${schema}: move last seen`,
  text: `
    INSERT INTO ${schema}.last_seen AS l (user_id, at, position)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])
    ON CONFLICT (user_id) DO UPDATE SET at = excluded.at, position = excluded.position WHERE excluded.at > l.at`,
}))

/** A connection that ends was begun before: in this batch, or in the row. */
const moveDevices = perSchema((schema) => ({
  name: `${schema}: move devices`,
  text: `
    INSERT INTO ${schema}.devices AS d
      (user_id, device_id, connection, node, connected_at, disconnected_at, reason, position)
    SELECT user_id, device_id, connection, node, coalesce(connected_at, disconnected_at), disconnected_at, reason, position
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::bigint[])
      AS change (user_id, device_id, connection, node, connected_at, disconnected_at, reason, position)
    ON CONFLICT (user_id, device_id) DO UPDATE SET
      connection = excluded.connection, node = excluded.node,
      -- where only the end is in this batch, the row has the beginning
      connected_at = CASE WHEN excluded.connection = d.connection AND excluded.connected_at = excluded.disconnected_at
                          THEN d.connected_at ELSE excluded.connected_at END,
      disconnected_at = excluded.disconnected_at, reason = excluded.reason, position = excluded.position`,
}))

const changePrivacy = perSchema((schema) => ({
  name: `${schema}: change privacy`,
  text: `
    INSERT INTO ${schema}.privacy (user_id, last_seen, read_receipts, position)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
    ON CONFLICT (user_id) DO UPDATE SET
      last_seen = excluded.last_seen, read_receipts = excluded.read_receipts, position = excluded.position`,
}))

export function userWrites(schema: ReadSchema, changes: UserChanges): Write[] {
  const writes: Write[] = []
  const seen = [...changes.seen.values()]
  if (seen.length > 0) {
    const values = [
      plain(seen, ({ userId }) => userId),
      numbers(seen, ({ at }) => at),
      numbers(seen, ({ position }) => position),
    ]
    writes.push({ statement: moveLastSeen(schema), values })
  }
  const devices = [...changes.devices.values()]
  if (devices.length > 0) {
    const ended = ({ event }: DeviceChange) => (event.type === 'DeviceDisconnected' ? event : undefined)
    const values = [
      plain(devices, ({ event }) => event.userId),
      plain(devices, ({ event }) => event.deviceId),
      written(devices, ({ event }) => event.connection),
      written(devices, ({ event }) => event.node),
      numbers(devices, ({ connectedAt }) => connectedAt),
      numbers(devices, (change) => ended(change)?.at),
      plain(devices, (change) => ended(change)?.reason),
      numbers(devices, ({ position }) => position),
    ]
    writes.push({ statement: moveDevices(schema), values })
  }
  const privacy = [...changes.privacy.values()]
  if (privacy.length > 0) {
    const values = [
      plain(privacy, ({ event }) => event.userId),
      plain(privacy, ({ event }) => event.lastSeen),
      plain(privacy, ({ event }) => event.readReceipts),
      numbers(privacy, ({ position }) => position),
    ]
    writes.push({ statement: changePrivacy(schema), values })
  }
  return writes
}
