/** ServerFeatures and Gossip: what a client asks before it sends anything. Reports one node, or who leads it. */

import gossip from '@eventstore/db-client/generated/gossip_pb.js'
import features from '@eventstore/db-client/generated/serverfeatures_pb.js'
import type shared from '@eventstore/db-client/generated/shared_pb.js'
import type { handleUnaryCall } from '@grpc/grpc-js'
import type { Endpoint, FaultState } from './faults.ts'
import { uuidOf } from './messages.ts'

type Empty = shared.Empty
const { VNodeState } = gossip.MemberInfo

/** As `eventstore/eventstore:23.10` reports itself; `batchappend` is what makes the client choose that call. */
const SERVER_VERSION = '23.10.8.0'
const STREAMS = 'event_store.client.streams.streams'
const METHODS = ['append', 'batchappend', 'delete', 'read', 'tombstone']

export function supportedMethods(state: FaultState): handleUnaryCall<Empty, features.SupportedMethods> {
  return async (_call, callback) => {
    await state.thawed()
    const supported = new features.SupportedMethods()
    supported.setEventStoreServerVersion(SERVER_VERSION)
    for (const name of METHODS) {
      const method = new features.SupportedMethod()
      method.setServiceName(STREAMS)
      method.setMethodName(name)
      supported.addMethods(method)
    }
    callback(null, supported)
  }
}

function member({ host, port }: Endpoint, role: gossip.MemberInfo.VNodeState, id: string): gossip.MemberInfo {
  const endpoint = new gossip.EndPoint()
  endpoint.setAddress(host)
  endpoint.setPort(port)
  const info = new gossip.MemberInfo()
  info.setInstanceId(uuidOf(id))
  info.setTimeStamp(String(Date.now()))
  info.setState(role)
  info.setIsAlive(true)
  info.setHttpEndPoint(endpoint)
  return info
}

export function readGossip(
  state: FaultState,
  self: () => Endpoint,
): handleUnaryCall<Empty, gossip.ClusterInfo> {
  return async (_call, callback) => {
    await state.thawed()
    const cluster = new gossip.ClusterInfo()
    const role = state.leader === undefined ? VNodeState.LEADER : VNodeState.FOLLOWER
    const members = [member(self(), role, '00000000-0000-4000-8000-000000000001')]
    if (state.leader !== undefined) {
      members.push(member(state.leader, VNodeState.LEADER, '00000000-0000-4000-8000-000000000002'))
    }
    cluster.setMembersList(members)
    callback(null, cluster)
  }
}
