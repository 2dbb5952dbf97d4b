/** Connections that have not ended as far as the ledger knows, on nodes that are none any more. */
import type { DeviceId, UserId } from '../../domain/ids.ts'
import { ask, type Database, type Statement } from './statement.ts'

export interface ConnectedDevice {
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly connection: string
  readonly node: string
}

const CONNECTED_ELSEWHERE: Statement = {
  name: 'devices connected to other nodes than these',
  text: `
    SELECT user_id AS "userId", device_id AS "deviceId", connection, node
    FROM read.devices
    WHERE disconnected_at IS NULL AND node <> ALL ($1::text[])
    ORDER BY node, user_id, device_id LIMIT $2`,
}

const CONNECTED_BEFORE: Statement = {
  name: 'devices connected to an earlier process of a node',
  text: `
    SELECT user_id AS "userId", device_id AS "deviceId", connection, node
    FROM read.devices
    WHERE disconnected_at IS NULL AND node = $1 AND NOT starts_with(connection, $2)
    ORDER BY user_id, device_id LIMIT $3`,
}

/** @param live names of the nodes that are */
export const connectedElsewhere = (
  db: Database,
  live: readonly string[],
  limit: number,
): Promise<readonly ConnectedDevice[]> => ask<ConnectedDevice>(db, CONNECTED_ELSEWHERE, [live, limit])

/** @param prefix with which the connections of the process that is now this node begin */
export const connectedBefore = (
  db: Database,
  node: string,
  prefix: string,
  limit: number,
): Promise<readonly ConnectedDevice[]> => ask<ConnectedDevice>(db, CONNECTED_BEFORE, [node, prefix, limit])
