/** A check of the protocol: a promise, and how to find out whether a system keeps it. Types only, but for their maker. */
import type { Stage } from './stage.ts'

export interface Check {
  /** A sentence of the protocol. */
  readonly promise: string
  /** Rejects when the promise is not kept. */
  run(stage: Stage): Promise<void>
}

/** Checks of one part of the protocol. */
export interface Area {
  readonly area: string
  readonly checks: readonly Check[]
}

export const check = (promise: string, run: Check['run']): Check => ({ promise, run })
