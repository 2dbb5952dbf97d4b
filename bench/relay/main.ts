/** The relay as a process of its own: says its address to the process that forked it, and ends with it. */
import { startRelay } from './relay.ts'

const relay = await startRelay()
process.on('disconnect', () => process.exit())
process.send?.({ kind: 'ready', url: relay.url })
