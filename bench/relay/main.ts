/** The relay as a process of its own: says its address to the process that forked it, and ends with it. */
import { startRelay } from './relay.ts'

process.on('disconnect', () => process.exit())
const relay = await startRelay()
process.send?.({ kind: 'ready', url: relay.url })
