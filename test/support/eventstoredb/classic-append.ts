/** Append, one call for each, and Tombstone. Clients take the former when credentials are given per call. */

import streams from '@eventstore/db-client/generated/streams_pb.js'
import { type handleClientStreamingCall, type handleUnaryCall, status } from '@grpc/grpc-js'
import type { AppendDeps } from './batch-append.ts'
import { type Expected, type Proposed, sizeOnDisk } from './log.ts'
import { callError, nameOf, notLeader, proposedOf, streamDeleted } from './messages.ts'

type AppendRequest = InstanceType<typeof streams.AppendReq>
type AppendResponse = InstanceType<typeof streams.AppendResp>
type TombstoneRequest = InstanceType<typeof streams.TombstoneReq>
type TombstoneResponse = InstanceType<typeof streams.TombstoneResp>

interface LooseOptions {
  hasNoStream(): boolean
  hasAny(): boolean
  hasStreamExists(): boolean
  getRevision(): string
}

function expectedOf(options: LooseOptions): Expected {
  if (options.hasNoStream()) return -1
  if (options.hasAny()) return 'any'
  if (options.hasStreamExists()) return 'stream-exists'
  return Number(options.getRevision())
}

export function classicAppend(deps: AppendDeps): handleClientStreamingCall<AppendRequest, AppendResponse> {
  const { log, faults, state, maxAppendSize } = deps
  return (call, callback) => {
    deps.calls.classicAppend++
    const events: Proposed[] = []
    let stream = ''
    let expected: Expected = 'any'
    call.on('data', (request: AppendRequest) => {
      const options = request.getOptions()
      const message = request.getProposedMessage()
      if (options !== undefined) {
        stream = nameOf(options.getStreamIdentifier())
        expected = expectedOf(options)
      } else if (message !== undefined) events.push(proposedOf(message))
    })
    call.on('end', () => {
      if (call.metadata.get('requires-leader')[0] === 'true' && state.leader !== undefined) {
        return callback(notLeader(state.leader))
      }
      if (events.reduce((size, event) => size + sizeOnDisk(event), 0) > maxAppendSize) {
        return callback(tooLarge(maxAppendSize))
      }
      const fault = state.nextAppend()
      if (fault.kind === 'unwilling') return callback(callError(status.UNAVAILABLE, fault.answer))
      const lost = fault.kind === 'cut' || fault.kind === 'silent'
      const commit = lost && fault.when === 'before' ? undefined : log.append(stream, events, expected)
      if (fault.kind === 'cut') faults.cutConnections()
      if (lost || commit === undefined) return
      if (commit.kind === 'deleted') return callback(streamDeleted(stream))
      const response = new streams.AppendResp()
      if (commit.kind === 'success') response.setSuccess(success(commit.revision, commit.position))
      else response.setWrongExpectedVersion(wrongVersion(expected, commit.actual))
      callback(null, response)
    })
    call.on('error', () => {})
  }
}

function success(revision: number, at: number) {
  const done = new streams.AppendResp.Success()
  done.setCurrentRevision(String(revision))
  const position = new streams.AppendResp.Position()
  position.setCommitPosition(String(at))
  position.setPreparePosition(String(at))
  done.setPosition(position)
  return done
}

function wrongVersion(expected: Expected, actual: number) {
  const wrong = new streams.AppendResp.WrongExpectedVersion()
  if (actual >= 0) wrong.setCurrentRevision(String(actual))
  if (typeof expected === 'number' && expected >= 0) wrong.setExpectedRevision(String(expected))
  return wrong
}

const tooLarge = (maximum: number) =>
  callError(status.INVALID_ARGUMENT, `Maximum Append Size of ${maximum} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(maximum),
  })

export function tombstone({ log }: AppendDeps): handleUnaryCall<TombstoneRequest, TombstoneResponse> {
  return (call, callback) => {
    const options = call.request.getOptions()
    const stream = nameOf(options?.getStreamIdentifier())
    const done = log.tombstone(stream, options === undefined ? 'any' : expectedOf(options))
    if (done.kind === 'deleted') return callback(streamDeleted(stream))
    if (done.kind === 'success') return callback(null, new streams.TombstoneResp())
    callback(
      callError(status.FAILED_PRECONDITION, 'Delete failed due to WrongExpectedVersion.', {
        exception: 'wrong-expected-version',
        'stream-name': stream,
        'expected-version': String(options?.getRevision() ?? -2),
        'actual-version': String(done.actual),
      }),
    )
  }
}
