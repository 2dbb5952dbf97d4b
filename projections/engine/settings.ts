/** How an engine works: how many lanes, how large its batches. Measured; the numbers stand beside each value. */

export interface EngineSettings {
  /** For a schema that is created now; an existing one keeps its count until its lanes stand at one position. */
  readonly lanes: number
  /** Events that a lane writes in one transaction, at most. */
  readonly batchEvents: number
  /** A lane begins its next transaction no sooner than this after the last one, unless a batch is full or a person waits. */
  readonly windowMs: number
  /** Between two reads of the ledger, unless there was more than a page. */
  readonly paceMs: number
  /** Events in memory before the reader waits for the lanes. */
  readonly queueEvents: number
}

/**
 * Live, every transaction costs about a millisecond of CPU whatever is in it, and what comes together moves a watermark once.
 * So a lane writes five times a second, and at once after a quiet moment or when somebody waits for what it holds
 * (`queries/projection-waiter.ts`).
 */
export const LIVE_SETTINGS: EngineSettings = {
  lanes: 2,
  batchEvents: 1_000,
  windowMs: 200,
  paceMs: 40,
  queueEvents: 4_000,
}

/**
 * For a rebuild. 120,000 events of 200 pairs on 2 cores: 27,500 events/s in batches of 500, 38,900 in batches of 2,000
 * (watermarks coalesce better), less again in one lane.
 */
export const REBUILD_SETTINGS: EngineSettings = {
  lanes: 2,
  batchEvents: 2_000,
  windowMs: 0,
  paceMs: 0,
  queueEvents: 8_000,
}
