/** The ledger contract on EventStoreDB: always on the simulator, and on a real server where there is one. */

import { describe, test } from 'vitest'
import { createEventStoreLedger } from '../../../ledger/eventstoredb/ledger.ts'
import { startSimulator } from '../../support/eventstoredb/simulator.ts'
import { ledgerContract } from '../contract.ts'

ledgerContract('EventStoreDB (simulator)', async () => {
  const simulator = await startSimulator()
  const open = () => createEventStoreLedger({ url: simulator.url, appendTimeoutMs: 20_000 })
  const ledger = open()
  return {
    ledger,
    second: async () => open(),
    async stop() {
      await ledger.close()
      await simulator.stop()
    },
  }
})

const url = process.env.TEST_EVENTSTOREDB_URL
if (url === undefined) {
  describe('the ledger contract on EventStoreDB (real server)', () => {
    test.skip('skipped: TEST_EVENTSTOREDB_URL is not set, and no server can be installed from npm', () => {})
  })
} else {
  ledgerContract('EventStoreDB (real server)', async () => {
    const ledger = createEventStoreLedger({ url })
    return { ledger, second: async () => createEventStoreLedger({ url }), stop: () => ledger.close() }
  })
}
