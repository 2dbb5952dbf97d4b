/**
 * How much a person, a device and a network may ask of this node, over sockets and HTTP alike. In memory and by node: behind a
 * load balancer a person who is on two nodes has twice as much, and no limit costs a query.
 */
import type { DeviceId, UserId } from '../../domain/ids.ts'
import type { Config } from '../../runtime/config.ts'
import { networkOf } from './network-of.ts'
import { createTokenBuckets, type TokenBucket } from './token-buckets.ts'

export interface RateLimits {
  /** Those that a frame is paid from, beside its socket's own. */
  frameBuckets(from: FrameSource): readonly TokenBucket[]
  /** Each answers 0, or after how many milliseconds to try again. */
  request(userId: UserId, now: number): number
  /** On top of the request in which so many people are named. */
  people(userId: UserId, count: number, now: number): number
  /** Before it is known who asks. */
  anonymous(address: string, now: number): number
  connection(address: string, now: number): number
}

export interface FrameSource {
  readonly userId: UserId
  /** The device and its person in one: a name for its bucket. */
  readonly device: string
  /** As `networkOf` tells it. */
  readonly network: string | undefined
}

/** Against a frame's 1: parsing, a token to be verified, often a query. */
export const REQUEST_COST = 8
/** Each is checked, recorded and told to the others. */
const PEOPLE_PER_TOKEN = 32

export type Rates = Pick<Config, 'rateDevice' | 'ratePerson' | 'rateAddress' | 'rateConnections'>

export const frameSource = (
  userId: UserId,
  deviceId: DeviceId,
  network: string | undefined,
): FrameSource => ({ userId, device: `${deviceId} ${userId}`, network })

export function createRateLimits(rates: Rates): RateLimits {
  const devices = createTokenBuckets(rates.rateDevice)
  const people = createTokenBuckets(rates.ratePerson)
  const networks = createTokenBuckets(rates.rateAddress)
  const connections = createTokenBuckets(rates.rateConnections)
  return {
    frameBuckets: ({ userId, device, network }) => [
      devices.of(device),
      people.of(userId),
      networks.of(network),
    ],
    request: (userId, now) => people.take(userId, REQUEST_COST, now),
    people: (userId, count, now) => people.take(userId, Math.floor(count / PEOPLE_PER_TOKEN), now),
    anonymous: (address, now) => networks.take(networkOf(address), REQUEST_COST, now),
    connection: (address, now) => connections.take(networkOf(address), 1, now),
  }
}
