/** Read: a stream or $all, counted or followed. Chooses where to start; `subscription.ts` does the following. */

import streams from '@eventstore/db-client/generated/streams_pb.js'
import { type handleServerStreamingCall, type ServerWritableStream, status } from '@grpc/grpc-js'
import type { Calls } from './batch-append.ts'
import { drained } from './drained.ts'
import type { FaultState } from './faults.ts'
import type { Log, Recorded } from './log.ts'
import {
  callError,
  eventMessage,
  nameOf,
  notLeader,
  streamDeleted,
  streamNotFoundMessage,
} from './messages.ts'
import { followAll, PAGE } from './subscription.ts'

type Request = InstanceType<typeof streams.ReadReq>
type Options = NonNullable<ReturnType<Request['getOptions']>>
type Filter = NonNullable<ReturnType<Options['getFilter']>>
type Call = ServerWritableStream<Request, Buffer>

/** Answers are serialised before they get here, once for all readers: see `eventMessage`. */
export const serialised = (bytes: Buffer): Buffer => bytes

interface ReadDeps {
  readonly log: Log
  readonly state: FaultState
  readonly calls: Calls
}

export function read(deps: ReadDeps): handleServerStreamingCall<Request, Buffer> {
  const { log, state } = deps
  return (call) => {
    const options = call.request.getOptions()
    call.on('error', () => {})
    if (options === undefined)
      return void call.emit('error', callError(status.INVALID_ARGUMENT, 'no options'))
    if (call.metadata.get('requires-leader')[0] === 'true' && state.leader !== undefined) {
      return void call.emit('error', notLeader(state.leader))
    }
    const all = options.getAll()
    if (options.hasSubscription() && all !== undefined) return void subscribe(call, options, deps)
    const chosen = all === undefined ? ofStream(options, log) : ofAll(options, log)
    if (chosen instanceof Error) return void call.emit('error', chosen)
    void sendAll(call, chosen, state)
  }
}

async function sendAll(call: Call, messages: Iterable<Buffer>, state: FaultState): Promise<void> {
  for (const message of messages) {
    const frozen = state.thawed()
    if (frozen !== undefined) await frozen
    if (call.cancelled) return
    if (!call.write(message)) await drained(call)
  }
  call.end()
}

function* between(
  events: readonly Recorded[],
  from: number,
  step: 1 | -1,
  limit: bigint,
  to: number,
): Generator<Recorded> {
  let left = limit
  for (let index = from; left > 0n && (step > 0 ? index < to : index >= 0); index += step) {
    const event = events[index]
    if (event === undefined) return
    left--
    yield event
  }
}

function* wired(events: Iterable<Recorded>): Generator<Buffer> {
  for (const event of events) yield eventMessage(event)
}

function ofStream(options: Options, log: Log): Iterable<Buffer> | Error {
  const wanted = options.getStream()
  const name = nameOf(wanted?.getStreamIdentifier())
  if (log.isDeleted(name)) return streamDeleted(name)
  const events = log.stream(name)
  if (events.length === 0) return [streamNotFoundMessage(name)]
  const limit = BigInt(options.getCount())
  if (options.getReadDirection() === streams.ReadReq.Options.ReadDirection.FORWARDS) {
    const from = wanted?.hasRevision() ? Number(wanted.getRevision()) : wanted?.hasEnd() ? events.length : 0
    return wired(between(events, from, 1, limit, events.length))
  }
  const last = events.length - 1
  const from = wanted?.hasRevision()
    ? Math.min(Number(wanted.getRevision()), last)
    : wanted?.hasStart()
      ? 0
      : last
  return wired(between(events, from, -1, limit, 0))
}

/** Forwards a position is inclusive, backwards exclusive: `AllReader` takes pre- and post-positions. */
function ofAll(options: Options, log: Log): Iterable<Buffer> {
  const all = options.getAll()
  const limit = BigInt(options.getCount())
  const position = all?.getPosition()
  const at = position === undefined ? undefined : log.indexAt(BigInt(position.getCommitPosition()))
  const end = log.events.length
  if (options.getReadDirection() === streams.ReadReq.Options.ReadDirection.FORWARDS) {
    return wired(between(log.events, at ?? (all?.hasEnd() ? end : 0), 1, limit, end))
  }
  return wired(between(log.events, (at ?? (all?.hasStart() ? 0 : end)) - 1, -1, limit, 0))
}

function matcher(filter: Filter | undefined): (event: Recorded) => boolean {
  const byStream = filter?.getStreamIdentifier()
  const expression = byStream ?? filter?.getEventType()
  if (expression === undefined) return () => true
  const key = byStream === undefined ? 'type' : 'stream'
  if (expression.getRegex() !== '') {
    const regex = new RegExp(expression.getRegex(), 'u')
    return (event) => regex.test(event[key])
  }
  const prefixes = expression.getPrefixList()
  return (event) => prefixes.some((prefix) => event[key].startsWith(prefix))
}

async function subscribe(call: Call, options: Options, { log, state, calls }: ReadDeps): Promise<void> {
  const all = options.getAll()
  const filter = options.getFilter()
  const position = all?.getPosition()
  const abort = new AbortController()
  const stop = state.onDrop((how) => {
    abort.abort()
    if (how === 'clean') call.end()
    else call.emit('error', callError(status.UNAVAILABLE, 'the subscription was dropped'))
  })
  call.on('cancelled', () => abort.abort())
  call.on('close', () => abort.abort())
  const start = all?.hasEnd() ? log.events.length : 0
  const window = filter?.hasMax() ? filter.getMax() : PAGE
  await followAll(call, {
    log,
    // The position names the last event that was seen: the next is the first with a higher one.
    from: position === undefined ? start : log.indexAt(BigInt(position.getCommitPosition()) + 1n),
    matches: matcher(filter),
    checkpointEvery: filter === undefined ? 0 : window * filter.getCheckpointintervalmultiplier(),
    signal: abort.signal,
    thawed: state.thawed,
    onEvent: () => calls.followed++,
  })
  stop()
}
