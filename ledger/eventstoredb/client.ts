/**
 * The client package, with the parts of it that are not public but needed: whether it is connected, and calls of its gRPC
 * client. Owns connections; never decides what an error means.
 *
 * Read in @eventstore/db-client 6.2.1, `dist/Client/index.js`: the answer to "what does the server support" is kept even when
 * it is an error (of discovery, say), so that every later append of that client fails. A call of `GRPCStreamCreator` that
 * fails makes the client connect again, to the leader if the error names it.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { EventStoreDBClient } from '@eventstore/db-client'
import streams from '@eventstore/db-client/generated/streams_grpc_pb.js'
import { type AppendCall, createAppendCall, type Duplex } from './append-call.ts'
import { readAnswer } from './append-reply.ts'

/** The part of gRPC's client that is used here. */
interface GrpcClient {
  makeBidiStreamRequest(
    path: string,
    serialize: (request: Buffer) => Buffer,
    deserialize: (bytes: Buffer) => unknown,
    ...options: unknown[]
  ): Duplex
}

/** Protected members; a subclass cannot have them, since `connectionString` makes the base class. */
interface Internals {
  readonly capabilities: Promise<unknown>
  getChannel(): Promise<{ close(): void }>
  /** With the credentials of the connection string. */
  callArguments(options: { readonly requiresLeader: boolean }, call: { readonly deadline: number }): unknown[]
  GRPCStreamCreator(type: unknown, name: string, create: (grpc: GrpcClient) => Duplex): () => Promise<Duplex>
}

const internals = (client: EventStoreDBClient): Internals => client as unknown as Internals

/** Milliseconds. A stream that never ends, or a cluster that is not found, is no reason to go on living. */
const DISCONNECT_WITHIN = 1_000

/** Closes connections; streams that are still open on them are cancelled. */
async function disconnect(client: EventStoreDBClient): Promise<void> {
  const gone = async () => {
    await client.dispose()
    // Asking for the channel makes one if there is none, and fails if none can be made.
    const channel = await internals(client).getChannel()
    channel.close()
  }
  await Promise.race([gone().catch(() => {}), sleep(DISCONNECT_WITHIN, undefined, { ref: false })])
}

/** A client for reads and subscriptions. */
export interface ReadConnection {
  readonly client: EventStoreDBClient
  close(): Promise<void>
}

export function connectForReads(url: string): ReadConnection {
  const client = EventStoreDBClient.connectionString(url)
  let used = false
  return {
    get client() {
      used = true
      return client
    },
    close: async () => (used ? disconnect(client) : undefined),
  }
}

/** A client for appends and nothing else, so that neither the flow control nor the errors of reads touch them. */
export interface AppendConnection {
  /** A call to append with, begun if it is not open; rejects with what keeps it from that. Nothing has been sent then. */
  call(): AppendCall | Promise<AppendCall>
  close(): Promise<void>
}

export function connectForAppends(url: string): AppendConnection {
  const create = () => EventStoreDBClient.connectionString(url)
  let client = create()
  let connected = false
  let current: AppendCall | undefined
  let beginning: Promise<AppendCall> | undefined

  async function begin(): Promise<AppendCall> {
    const asked = client
    try {
      await internals(asked).capabilities
      connected = true
      current = await beginAppends(asked)
      return current
    } catch (error) {
      // It would give this error for ever.
      if (client === asked) client = create()
      throw error
    } finally {
      beginning = undefined
    }
  }

  return {
    call() {
      if (current?.open) return current
      beginning ??= begin()
      return beginning
    },
    async close() {
      if (connected) await disconnect(client)
    },
  }
}

const { batchAppend } = streams.StreamsService

/** By the client, so that it goes where the client has found the leader, and the client hears of its errors. */
async function beginAppends(client: EventStoreDBClient): Promise<AppendCall> {
  const inner = internals(client)
  // Without a deadline: the call stays open as long as the connection.
  const options = inner.callArguments({ requiresLeader: true }, { deadline: Number.POSITIVE_INFINITY })
  return new Promise((resolve, reject) => {
    const create = (grpc: GrpcClient): Duplex => {
      const duplex = grpc.makeBidiStreamRequest(
        batchAppend.path,
        (request) => request,
        readAnswer,
        ...options,
      )
      // At once: an error that comes before somebody listens would be missed.
      resolve(createAppendCall(duplex))
      return duplex
    }
    inner.GRPCStreamCreator(streams.StreamsClient, 'appendToStream', create)().catch(reject)
  })
}
