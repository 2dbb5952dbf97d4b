/**
 * Following all streams: one connection's subscription (`followOnce`), one that goes on for ever (`subscribe`), and one that
 * ends where the ledger ended when it began (`readAll`). Keeps a position only of events that it has handed over.
 *
 * Facts of the server (KurrentDB 26.2 `Enumerator.AllSubscriptionFiltered.cs`, `Streams.Read.cs`; client 6.2.1):
 * - a start position is exclusive (`if (eventPosition <= checkpoint) continue`), an event is never sent twice in one call;
 * - checkpoints run ahead of the consumer, and one may be the position of an event still to come (issue 4970): not used;
 * - `caughtUp` exists since 23.10. The client emits it while transforming, ahead of events that are still buffered;
 * - "fell behind" is "currently not sent to clients"; a slow reader sees `caughtUp` again after each fall;
 * - the client never subscribes again by itself, and an end without an error happens (leader change, shutdown).
 */

import {
  type EventStoreDBClient,
  type Filter,
  type ReadPosition,
  type ResolvedEvent,
  START,
  streamNameFilter,
} from '@eventstore/db-client'
import {
  BEGINNING,
  type Followed,
  type Position,
  type ReadAllOptions,
  type RecordedEvent,
  type SubscribeOptions,
} from '../ledger.ts'
import { decode, UnplaceableEventError } from './decode.ts'
import { batches } from './drain.ts'
import { head, type ReadDeps } from './read-stream.ts'
import { delayOf, isTransient, pause } from './retry.ts'

/** Events in one step, and in each of the two buffers of the client's transform. */
const BATCH = 500
/** Events that the server looks through before it says how far it is; its default of 32 makes a message of every 32. */
const SEARCH_WINDOW = 2048
const READ_ATTEMPTS = 5

export interface FollowDeps extends ReadDeps {
  readonly onDrop: (cause: unknown, failures: number) => void
}

interface Once {
  readonly after: Position
  readonly prefixes: readonly string[] | undefined
  readonly signal: AbortSignal
  readonly requiresLeader: boolean
}

function filterOf(prefixes: readonly string[] | undefined): Filter {
  const maxSearchWindow = SEARCH_WINDOW
  // An empty prefix chooses everything; the server would count system streams among that.
  if (prefixes === undefined || prefixes.includes(''))
    return streamNameFilter({ regex: '^[^$]', maxSearchWindow })
  return streamNameFilter({ prefixes: [...prefixes], maxSearchWindow })
}

/** Put into the subscription's own buffer, so that it comes out behind every event that came before it. */
const CAUGHT_UP = {} as ResolvedEvent

/** Ends when the server ends it or the signal aborts; throws when it breaks. */
async function* followOnce(
  client: EventStoreDBClient,
  { after, prefixes, signal, requiresLeader }: Once,
): AsyncGenerator<Followed> {
  if (signal.aborted) return
  // No event is at position 0: a log begins with an epoch record.
  const fromPosition: ReadPosition = after === BEGINNING ? START : { commit: after, prepare: after }
  const options = { fromPosition, filter: filterOf(prefixes), requiresLeader }
  const subscription = client.subscribeToAll(options, { highWaterMark: BATCH })
  const end = () => subscription.destroy()
  // An error that comes when nobody is listening any more would end the process.
  subscription.on('error', () => {})
  subscription.on('caughtUp', () => subscription.push(CAUGHT_UP))
  signal.addEventListener('abort', end)
  try {
    for await (const batch of batches(subscription, BATCH)) {
      for (const step of stepsOf(batch)) {
        yield step
        if (signal.aborted) return
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', end)
    subscription.unsubscribe().catch(() => {})
  }
}

function* stepsOf(batch: readonly ResolvedEvent[]): Generator<Followed> {
  let events: RecordedEvent[] = []
  for (const item of batch) {
    if (item !== CAUGHT_UP) {
      const event = decode(item)
      if (event !== undefined) events.push(event)
      continue
    }
    if (events.length > 0) yield { kind: 'events', events }
    events = []
    yield { kind: 'caught-up' }
  }
  if (events.length > 0) yield { kind: 'events', events }
}

/** @throws UnplaceableEventError, which no reconnecting helps. */
export async function* subscribe(deps: FollowDeps, options: SubscribeOptions): AsyncGenerator<Followed> {
  const signal = AbortSignal.any([options.signal, deps.closed])
  const { prefixes } = options
  let after = options.after === 'end' ? undefined : options.after
  for (let failures = 0; !signal.aborted; failures++) {
    let cause: unknown = new Error('the server ended the subscription')
    try {
      // "End" is fixed once, as a position: a later attempt goes on from there, not from where the end is by then.
      after ??= await head(deps)
      for await (const step of followOnce(deps.client(), {
        after,
        prefixes,
        signal,
        requiresLeader: false,
      })) {
        failures = 0
        if (step.kind === 'events') after = step.events.at(-1)?.position ?? after
        yield step
      }
    } catch (error) {
      if (error instanceof UnplaceableEventError) throw error
      cause = error
    }
    if (signal.aborted) return
    deps.onDrop(cause, failures)
    await pause(delayOf(deps.backoff, failures), signal)
  }
}

/**
 * Through a subscription, for its filter: this client's `readAll` has none, and would bring the whole ledger here for the few
 * events of one prefix. Ends behind the head that was found first, so that busy writers do not keep it going.
 */
export async function* readAll(deps: FollowDeps, options: ReadAllOptions): AsyncGenerator<RecordedEvent> {
  const { prefixes, limit = Number.POSITIVE_INFINITY } = options
  let after = options.after ?? BEGINNING
  let left = limit
  if (left <= 0) return
  const end = await head(deps)
  for (let failures = 0; after < end; ) {
    let cause: unknown = new Error('the server ended the read')
    try {
      for await (const step of followOnce(deps.client(), {
        after,
        prefixes,
        signal: deps.closed,
        requiresLeader: true,
      })) {
        failures = 0
        if (step.kind === 'caught-up') return
        for (const event of step.events) {
          if (event.position > end) return
          after = event.position
          yield event
          if (--left === 0) return
        }
      }
    } catch (error) {
      if (!isTransient(error)) throw error
      cause = error
    }
    if (deps.closed.aborted) throw new Error('the ledger was closed during a read')
    if (++failures >= READ_ATTEMPTS) throw cause
    await pause(delayOf(deps.backoff, failures), deps.closed)
  }
}
