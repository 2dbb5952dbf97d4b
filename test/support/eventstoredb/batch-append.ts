/** BatchAppend as the server does it: requests assembled by correlation id, each answered when it is committed. */

import streams from '@eventstore/db-client/generated/streams_pb.js'
import type { handleBidiStreamingCall } from '@grpc/grpc-js'
import type { FaultState, Faults } from './faults.ts'
import { type Commit, type Expected, type Log, type Proposed, sizeOnDisk } from './log.ts'
import {
  batchSuccess,
  namedStatus,
  nameOf,
  notLeader,
  plainStatus,
  proposedOf,
  streamIdentifier,
  tooLargeStatus,
  uuidOf,
  wrongVersionStatus,
} from './messages.ts'

type Request = InstanceType<typeof streams.BatchAppendReq>
type Response = InstanceType<typeof streams.BatchAppendResp>
type Options = NonNullable<ReturnType<Request['getOptions']>>

/** `nothing`: a fault keeps the reply back. `end`: the call fails, and with it everything else that waits on it. */
type Answer =
  | { readonly kind: 'success'; readonly success: NonNullable<Parameters<Response['setSuccess']>[0]> }
  | { readonly kind: 'error'; readonly status: NonNullable<Parameters<Response['setError']>[0]> }
  | { readonly kind: 'end'; readonly error: Error }
  | { readonly kind: 'nothing' }

interface Assembled {
  readonly stream: string
  readonly expected: Expected
  readonly late: boolean
  readonly events: Proposed[]
  size: number
}

export interface AppendDeps {
  readonly log: Log
  readonly faults: Faults
  readonly state: FaultState
  /** Bytes; the server's `MaxAppendSize`, 1 MiB by default up to version 25.0. */
  readonly maxAppendSize: number
  readonly calls: Calls
}

/** How many calls there were, appends within those of BatchAppend, and events written to subscriptions. */
export interface Calls {
  followed: number
  batchAppend: number
  batched: number
  classicAppend: number
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export function batchAppend(deps: AppendDeps): handleBidiStreamingCall<Request, Response> {
  const { state, maxAppendSize, calls } = deps
  return (call) => {
    calls.batchAppend++
    const assembling = new Map<string, Assembled>()
    const requiresLeader = call.metadata.get('requires-leader')[0] === 'true'

    const handle = (request: Request) => {
      const correlation = request.getCorrelationId()?.getString() ?? ''
      const append = assemble(assembling, correlation, request)
      if (append === undefined) return
      if (!request.getIsFinal() && append.size <= maxAppendSize) return
      assembling.delete(correlation)
      calls.batched++
      const answer = decide(deps, append, requiresLeader)
      if (answer.kind === 'nothing') return
      const send = () => {
        if (call.cancelled || call.destroyed) return
        if (answer.kind === 'end') call.emit('error', answer.error)
        else call.write(responseOf(correlation, append.stream, answer))
      }
      if (state.delayMs === 0) send()
      else setTimeout(send, state.delayMs).unref()
    }

    call.on('data', (request: Request) => {
      const thawed = state.thawed()
      if (thawed === undefined) handle(request)
      else void thawed.then(() => handle(request))
    })
    const stop = state.onEndAppends(() => call.end())
    call.on('close', stop)
    call.on('cancelled', stop)
    call.on('error', () => {})
    // No 'end' handler: at the real server a half-close settles nothing, it waits for replies that may still come.
  }
}

function assemble(
  assembling: Map<string, Assembled>,
  correlation: string,
  request: Request,
): Assembled | undefined {
  const options = request.getOptions()
  if (options !== undefined) {
    // Absolute time by the client's clock (field `deadline_21_10_0`): with a skewed clock every append comes late.
    const deadline = options.getDeadline()?.toDate().getTime() ?? Number.POSITIVE_INFINITY
    const stream = nameOf(options.getStreamIdentifier())
    const late = deadline <= Date.now()
    assembling.set(correlation, { stream, expected: expectedOf(options), late, events: [], size: 0 })
  }
  const append = assembling.get(correlation)
  if (append === undefined) return undefined
  for (const message of request.getProposedMessagesList()) {
    const proposed = proposedOf(message)
    append.events.push(proposed)
    append.size += sizeOnDisk(proposed)
  }
  return append
}

function expectedOf(options: Options): Expected {
  if (options.hasNoStream()) return -1
  if (options.hasAny()) return 'any'
  if (options.hasStreamExists()) return 'stream-exists'
  return Number(options.getStreamPosition())
}

function decide(
  deps: AppendDeps,
  { stream, expected, late, events, size }: Assembled,
  requiresLeader: boolean,
): Answer {
  const { log, faults, state, maxAppendSize } = deps
  if (late) return { kind: 'error', status: namedStatus('Timeout') }
  if (size > maxAppendSize) return { kind: 'error', status: tooLargeStatus(maxAppendSize) }
  if (events.some(({ id }) => !UUID.test(id))) return { kind: 'error', status: namedStatus('BadRequest') }
  if (requiresLeader && state.leader !== undefined) return { kind: 'end', error: notLeader(state.leader) }
  const fault = state.nextAppend()
  if (fault.kind === 'unwilling') return { kind: 'error', status: plainStatus(fault.answer) }
  const lost = fault.kind === 'cut' || fault.kind === 'silent'
  const commit = lost && fault.when === 'before' ? undefined : log.append(stream, events, expected)
  if (fault.kind === 'cut') faults.cutConnections()
  if (lost || commit === undefined) return { kind: 'nothing' }
  return answerTo(commit, expected, fault.kind === 'no-position')
}

function answerTo(commit: Commit, expected: Expected, withoutPosition: boolean): Answer {
  switch (commit.kind) {
    case 'success':
      return {
        kind: 'success',
        success: batchSuccess(commit.revision, withoutPosition ? undefined : commit.position),
      }
    case 'wrong-expected-version':
      return { kind: 'error', status: wrongVersionStatus(expected, commit.actual) }
    case 'deleted':
      return { kind: 'error', status: namedStatus('StreamDeleted') }
  }
}

function responseOf(
  correlation: string,
  stream: string,
  answer: Extract<Answer, { kind: 'success' | 'error' }>,
): Response {
  const response = new streams.BatchAppendResp()
  response.setCorrelationId(uuidOf(correlation))
  response.setStreamIdentifier(streamIdentifier(stream))
  if (answer.kind === 'success') response.setSuccess(answer.success)
  else response.setError(answer.status)
  return response
}
