import { createMemoryBus, createMemoryHub } from '../../../runtime/bus/memory.ts'
import { createLogger } from '../../../runtime/logging.ts'
import { createSessionDirectory } from '../../../runtime/sessions/create.ts'
import type { SessionDirectory } from '../../../runtime/sessions/directory.ts'
import { createMemoryStore, createSharedSessions } from '../../../runtime/sessions/memory-store.ts'
import { type LossyStore, lossy, sessionContract } from './contract.ts'

const log = createLogger({ level: 'silent', process: 'test' })

sessionContract('memory', async () => {
  const [hub, shared] = [createMemoryHub(), createSharedSessions()]
  const kills = new Map<SessionDirectory, () => void>()
  const stores = new Map<SessionDirectory, LossyStore>()
  const forget = async () => shared.clear()
  return {
    async open(node, timing) {
      const store = lossy(createMemoryStore(timing.deadAfterMs, shared))
      let dead = false
      const mortal = {
        ...store,
        node: (name: string) => {
          const own = store.node(name)
          const alive = <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) => {
            return async (...args: Args) => (dead ? Promise.reject(new Error('dead')) : call(...args))
          }
          return { beat: alive(own.beat), write: alive(own.write), withdraw: alive(own.withdraw) }
        },
      }
      const bus = createMemoryBus({ log, hub })
      const directory = await createSessionDirectory({ store: mortal, bus, log, node, timing })
      stores.set(directory, store)
      kills.set(directory, () => {
        dead = true
        void bus.close()
      })
      return directory
    },
    kill: async (directory) => kills.get(directory)?.(),
    forget,
    loseAnswer: (directory, meanwhile) => stores.get(directory)?.loseAnswer(() => forget().then(meanwhile)),
    stop: async () => {},
  }
})
