/** Appends until the outcome is known: an append is repeated only identically, which both ledgers make exact. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AppendOutcome, EventToAppend, Ledger, Revision, StreamName } from '../ledger.ts'

/** 20, 40, 80 … ms with jitter, about 1.3 s in all; less often when each attempt takes long. Then the client is told to try again. */
const ATTEMPTS = 7
const PATIENCE_MS = 15_000
const FIRST_PAUSE_MS = 20

export async function appendSurely(
  ledger: Ledger,
  stream: StreamName,
  events: readonly EventToAppend[],
  expected: Revision,
): Promise<AppendOutcome> {
  const deadline = performance.now() + PATIENCE_MS
  let outcome = await ledger.append(stream, events, expected)
  for (let attempt = 1; attempt < ATTEMPTS && mayRepeat(outcome); attempt++) {
    if (performance.now() > deadline) break
    await sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random()))
    const again = await ledger.append(stream, events, expected)
    // "Refused" says that this repetition wrote nothing, not that the ambiguous one before it did not.
    outcome = outcome.kind === 'ambiguous' && again.kind === 'refused' ? outcome : again
  }
  return outcome
}

const mayRepeat = (outcome: AppendOutcome): boolean =>
  outcome.kind === 'ambiguous' || (outcome.kind === 'refused' && outcome.retryable)
