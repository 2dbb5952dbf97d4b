/** The times of retention. Reads no configuration. */

export interface RetentionSettings {
  /** How often due bodies are looked for. Gone within 5 s of due is promised, so a look may take a few seconds. */
  readonly lookMs: number
  /** After a failure. */
  readonly againMs: number
  /** How often everything that is kept is gone through, for what is nobody's and for the deleted. */
  readonly sweepMs: number
  /** Bodies or rows of one statement. */
  readonly page: number
}

export const DEFAULT_RETENTION: RetentionSettings = {
  lookMs: 1_000,
  againMs: 2_000,
  sweepMs: 600_000,
  page: 500,
}
