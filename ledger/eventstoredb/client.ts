/**
 * The client package, with the parts of it that are not public but needed: whether it is connected, and the one stream on
 * which all its appends travel. Owns connections; never decides what an error means.
 *
 * Read in @eventstore/db-client 6.2.1, `dist/streams/appendToStream/batchAppend.js` and `dist/Client/index.js`:
 * - the promises of all appends of a process are kept in one module-global map. An error on the append stream of any client
 *   rejects and forgets them all; a reply that comes after that for an append of another client is a TypeError inside a
 *   'data' listener, which nobody can catch: the process ends.
 * - appends that wait for 'drain' when the stream fails are rejected inside an async promise executor: an unhandled
 *   rejection, which also ends the process. (Seen with 300 appends of 300 KB: 284 of them, and none ever settled.)
 * - a stream that the server ends without an error stays in use: what is written to it goes nowhere.
 * - the answer to "what does the server support" is kept even when it is an error (of discovery, say), so that every later
 *   append of that client fails.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { EventStoreDBClient } from '@eventstore/db-client'

interface AppendStream {
  listeners(event: 'data' | 'error'): Array<(value: unknown) => void>
  on(event: 'data' | 'error' | 'end', listener: (value: unknown) => void): unknown
  off(event: 'data' | 'error', listener: (value: unknown) => void): unknown
  write(message: unknown): boolean
  cancel(): void
  destroy(error: Error): void
}

/** Protected members; a subclass cannot have them, since `connectionString` makes the base class. */
interface Internals {
  readonly capabilities: Promise<unknown>
  getChannel(): Promise<{ close(): void }>
  GRPCStreamCreator(type: unknown, name: string, create: (grpc: unknown) => unknown, cache?: unknown): unknown
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
  /** A client that has spoken with its server; rejects with what keeps it from that. Nothing has been sent then. */
  ready(): Promise<EventStoreDBClient>
  close(): Promise<void>
}

export function connectForAppends(url: string, onStrayReply: (error: unknown) => void): AppendConnection {
  const streams = new Set<() => void>()
  const create = () => {
    const client = EventStoreDBClient.connectionString(url)
    guardAppends(client, streams, onStrayReply)
    return client
  }
  let client = create()
  let connected = false
  return {
    async ready() {
      const asked = client
      try {
        await internals(asked).capabilities
        connected = true
        return asked
      } catch (error) {
        // It would give this error for ever. Whoever asked at the same time gets the same error, and one new client.
        if (client === asked) client = create()
        throw error
      }
    },
    async close() {
      for (const cancel of streams) cancel()
      if (connected) await disconnect(client)
    },
  }
}

function guardAppends(
  client: EventStoreDBClient,
  open: Set<() => void>,
  onStrayReply: (error: unknown) => void,
): void {
  const inner = internals(client)
  const createStream = inner.GRPCStreamCreator
  inner.GRPCStreamCreator = (type, name, create, cache) => {
    if (name !== 'appendToStream') return createStream(type, name, create, cache)
    return createStream(type, name, (grpc) => guard(create(grpc) as AppendStream, open, onStrayReply), cache)
  }
}

/** Keeps the faults of one append stream from ending the process. */
function guard(
  stream: AppendStream,
  open: Set<() => void>,
  onStrayReply: (error: unknown) => void,
): AppendStream {
  const [onData] = stream.listeners('data')
  const [onError] = stream.listeners('error')
  if (onData === undefined || onError === undefined)
    throw new Error('@eventstore/db-client is not version 6.2')
  stream.off('data', onData)
  stream.on('data', (reply) => {
    try {
      onData(reply)
    } catch (error) {
      onStrayReply(error)
    }
  })
  let over: unknown
  const write = stream.write.bind(stream)
  stream.write = (message) => {
    // The client forgets a failed stream a little later than it fails; an append of that moment fails with it.
    if (over !== undefined) queueMicrotask(() => onError(over))
    else write(message)
    // Never "wait for drain": Node buffers either way, and how much is up to those who call append.
    return true
  }
  stream.on('end', () => stream.destroy(new Error('the server ended the stream of appends')))
  const cancel = () => {
    // Closing is no reason to reject what other clients of this process are waiting for.
    stream.off('error', onError)
    stream.on('error', () => {})
    stream.cancel()
  }
  open.add(cancel)
  stream.on('error', (error) => {
    over = error
    open.delete(cancel)
  })
  return stream
}
