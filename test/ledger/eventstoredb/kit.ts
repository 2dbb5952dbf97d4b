/** What the adapter's tests share: a simulator and ledgers on it, closed when the test is done. */

import { onTestFinished } from 'vitest'
import { createEventStoreLedger, type EventStoreLedgerOptions } from '../../../ledger/eventstoredb/ledger.ts'
import type { Ledger } from '../../../ledger/ledger.ts'
import {
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from '../../support/eventstoredb/simulator.ts'

export async function simulate(options?: SimulatorOptions): Promise<Simulator> {
  const simulator = await startSimulator(options)
  onTestFinished(() => simulator.stop())
  return simulator
}

/** For `expect.poll`: the machine may be busy with other things. */
export const PATIENT = { timeout: 10_000, interval: 10 }

/** Pauses are short. Where a test waits for an append to be given up, it says after how long: else nothing is because the machine stood still. */
export function open(url: string, options: Partial<EventStoreLedgerOptions> = {}): Ledger {
  const ledger = createEventStoreLedger({
    url,
    appendTimeoutMs: 20_000,
    backoff: { first: 10, max: 100 },
    ...options,
  })
  onTestFinished(() => ledger.close())
  return ledger
}
