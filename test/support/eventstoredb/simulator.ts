/** An EventStoreDB server in memory, on the wire protocol of the real one. Owns a port and a log; stores nothing on disk. */

import { randomUUID } from 'node:crypto'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import gossip from '@eventstore/db-client/generated/gossip_grpc_pb.js'
import features from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js'
import streams from '@eventstore/db-client/generated/streams_grpc_pb.js'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { type AppendDeps, batchAppend, type Calls } from './batch-append.ts'
import { classicAppend, tombstone } from './classic-append.ts'
import { readGossip, supportedMethods } from './cluster.ts'
import { createFaults, type Faults } from './faults.ts'
import { createLog, type Log } from './log.ts'
import { read, serialised } from './read.ts'

export interface Simulator {
  /** `esdb://127.0.0.1:<port>?tls=false` */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly log: Log
  readonly faults: Faults
  readonly calls: Readonly<Calls>
  /** How many are open. */
  connections(): number
  stop(): Promise<void>
}

export interface SimulatorOptions {
  /** Default: any free one. */
  readonly port?: number
  /** Two simulators on one log are two nodes of a cluster. Default: a log with one system event. */
  readonly log?: Log
  /** Default 1 MiB. */
  readonly maxAppendSize?: number
}

const HOST = '127.0.0.1'
/** Kestrel's default: further calls of a connection wait in the client, without an answer or an error. */
const MAX_STREAMS_PER_CONNECTION = 100

export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const log = options.log ?? systemLog()
  const sockets = new Set<Socket>()
  const { faults, state } = createFaults(() => {
    for (const socket of sockets) socket.destroy()
  })
  const calls: Calls = { batchAppend: 0, batched: 0, classicAppend: 0, followed: 0 }
  const deps: AppendDeps = { log, faults, state, calls, maxAppendSize: options.maxAppendSize ?? 1024 * 1024 }
  const server = new Server({
    'grpc.max_concurrent_streams': MAX_STREAMS_PER_CONNECTION,
    'grpc.max_receive_message_length': 17 * 1024 * 1024,
  })
  const { read: readDefinition, append, batchAppend: batch, tombstone: bury } = streams.StreamsService
  server.addService(
    {
      read: { ...readDefinition, responseSerialize: serialised },
      append,
      batchAppend: batch,
      tombstone: bury,
    },
    {
      read: read({ log, state, calls }),
      append: classicAppend(deps),
      batchAppend: batchAppend(deps),
      tombstone: tombstone(deps),
    },
  )
  server.addService(features.ServerFeaturesService, { getSupportedMethods: supportedMethods(state) })
  // Sockets are ours, so that a fault can cut them.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  const listener = createServer((socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    injector.injectConnection(socket)
  })
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject)
    listener.listen(options.port ?? 0, HOST, resolve)
  })
  const { port } = listener.address() as AddressInfo
  server.addService(gossip.GossipService, { read: readGossip(state, () => ({ host: HOST, port })) })
  return {
    url: `esdb://${HOST}:${port}?tls=false`,
    host: HOST,
    port,
    log,
    faults,
    calls,
    connections: () => sockets.size,
    async stop() {
      faults.thaw()
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()))
      faults.cutConnections()
      server.forceShutdown()
      await closed
    },
  }
}

/** A new database is not empty: users and settings are events too, in system streams. */
function systemLog(): Log {
  const log = createLog()
  const data = Buffer.from('{"$maxCount":1}')
  const event = {
    id: randomUUID(),
    type: '$metadata',
    contentType: 'application/json',
    data,
    metadata: Buffer.alloc(0),
  }
  log.append('$$$stats', [event], 'any')
  return log
}
