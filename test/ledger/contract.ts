/** The contract suite of `ledger/ledger.ts`: every promise, proved on any implementation. Knows nothing of how one stores. */

import { afterAll, beforeAll, describe } from 'vitest'
import type { Ledger } from '../../ledger/ledger.ts'
import { appendPromises } from './contract/append.ts'
import { closePromises } from './contract/close.ts'
import { concurrencyPromises } from './contract/concurrency.ts'
import { modelPromises } from './contract/model.ts'
import { readPromises } from './contract/read.ts'
import { resumePromises } from './contract/resume.ts'
import { subscribePromises } from './contract/subscribe.ts'

/** A ledger to be tried, and what belongs to it. */
export interface LedgerUnderTest {
  readonly ledger: Ledger
  /** Opens another instance on the same storage, as a second process would. The suite closes it. */
  readonly second?: () => Promise<Ledger>
  /** Called once, when the suite is done. Closes `ledger` and whatever it stands on. */
  stop(): Promise<void>
}

/** How the groups of promises get at the ledger: it exists only while tests run. */
export interface Subject {
  ledger(): Ledger
  /** Another instance on the same storage if there can be one, else a new ledger. `close` also stops its storage. */
  another(): Promise<{ readonly ledger: Ledger; readonly sameStorage: boolean; close(): Promise<void> }>
}

/**
 * Registers the suite. `makeLedger` is called once for all tests, so the storage need not be empty: every test uses
 * streams of its own, and none assumes that positions are dense or that nobody else writes.
 */
export function ledgerContract(name: string, makeLedger: () => Promise<LedgerUnderTest>): void {
  describe(`the ledger contract on ${name}`, () => {
    let made: LedgerUnderTest | undefined
    beforeAll(async () => {
      made = await makeLedger()
    })
    afterAll(() => made?.stop())

    const running = (): LedgerUnderTest => {
      if (made === undefined) throw new Error('the ledger under test is not running')
      return made
    }
    const subject: Subject = {
      ledger: () => running().ledger,
      async another() {
        const { second } = running()
        if (second !== undefined) {
          const ledger = await second()
          return { ledger, sameStorage: true, close: () => ledger.close() }
        }
        const fresh = await makeLedger()
        return { ledger: fresh.ledger, sameStorage: false, close: () => fresh.stop() }
      },
    }

    describe('append', () => appendPromises(subject))
    describe('read', () => readPromises(subject))
    describe('subscribe', () => subscribePromises(subject))
    describe('resume', () => resumePromises(subject))
    describe('concurrency', () => concurrencyPromises(subject))
    describe('model', () => modelPromises(subject))
    describe('close', () => closePromises(subject))
  })
}
