/** The relay as a process of its own: says its address to the process that forked it, and ends with it. */
import { scheduleAsBatch } from '../../runtime/processes/scheduling.ts'
import { startRelay } from './relay.ts'

process.on('disconnect', () => process.exit())
// As the system that it is held against.
await scheduleAsBatch()
const relay = await startRelay()
process.send?.({ kind: 'ready', url: relay.url })
