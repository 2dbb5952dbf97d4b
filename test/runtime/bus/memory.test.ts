import { createMemoryBus, createMemoryHub } from '../../../runtime/bus/memory.ts'
import { createLogger } from '../../../runtime/logging.ts'
import { busContract } from './contract.ts'

const log = createLogger({ level: 'silent', process: 'test' })

busContract('memory', async () => {
  const hub = createMemoryHub()
  return { open: async () => createMemoryBus({ log, hub }), stop: async () => {} }
})
