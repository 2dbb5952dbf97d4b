/** The ledger on an EventStoreDB (KurrentDB) server, 23.10 or later. Composes; what it does stands in the files beside it. */

import type { AppendOutcome, EventToAppend, Ledger, Revision, StreamName } from '../ledger.ts'
import { type LedgerLog, SILENT } from '../ledger-log.ts'
import { append } from './append.ts'
import { connectForAppends, connectForReads } from './client.ts'
import { type FollowDeps, readAll, subscribe } from './follow.ts'
import { head, lastPosition, locate, readStream } from './read-stream.ts'
import type { Backoff } from './retry.ts'

export interface EventStoreLedgerOptions {
  /**
   * `esdb://…`. Credentials belong in here (given per call they would select the client's slow way of appending), and have to
   * be allowed to read `$all`, which a secured server grants to administrators only until its default ACL is changed.
   */
  readonly url: string
  /** Milliseconds after which an append is `ambiguous`. The client itself would wait for ever. Default 5,000. */
  readonly appendTimeoutMs?: number
  /** Milliseconds within which a server that is read has to send something. Default 10,000. */
  readonly readTimeoutMs?: number
  /** Milliseconds between attempts to read or subscribe again. Default 100, doubling up to 5,000. */
  readonly backoff?: Backoff
  readonly log?: LedgerLog
}

export function createEventStoreLedger(options: EventStoreLedgerOptions): Ledger {
  const { url, appendTimeoutMs = 5_000, readTimeoutMs = 10_000, log = SILENT } = options
  const { backoff = { first: 100, max: 5_000 } } = options
  // Switched off, the client says `nextExpectedRevision: 1n` for every conflict (`BigInt(hasCurrentStreamRevision())`).
  if (/throwOnAppendFailure=false/i.test(url)) throw new Error('the ledger needs throwOnAppendFailure=true')

  const appends = connectForAppends(url)
  const reads = connectForReads(url)
  const closing = new AbortController()
  const underWay = new Set<Promise<AppendOutcome>>()
  let closed: Promise<void> | undefined

  const deps: FollowDeps = {
    client: () => reads.client,
    timeoutMs: readTimeoutMs,
    backoff,
    closed: closing.signal,
    onDrop: (cause, failures) =>
      log.warn({ err: cause, failures }, 'the subscription was dropped, subscribing again'),
  }
  const appendDeps = {
    connection: appends,
    timeoutMs: appendTimeoutMs,
    locate: (stream: StreamName, revision: Revision, id: string) => locate(deps, stream, revision, id),
  }

  const close = async () => {
    await Promise.allSettled(underWay)
    closing.abort()
    await Promise.all([appends.close(), reads.close()])
  }

  return {
    name: 'eventstoredb',
    async append(stream: StreamName, events: readonly EventToAppend[], expected: Revision) {
      if (closed !== undefined)
        return { kind: 'refused', retryable: false, cause: new Error('the ledger is closed') }
      const appending = append(appendDeps, stream, events, expected)
      underWay.add(appending)
      return appending.finally(() => underWay.delete(appending))
    },
    readStream: (stream, read = {}) => readStream(deps, stream, read),
    readAll: (read = {}) => readAll(deps, read),
    subscribe: (follow) => subscribe(deps, follow),
    head: () => head(deps),
    async ping() {
      await lastPosition(deps)
    },
    close() {
      closed ??= close()
      return closed
    },
  }
}
