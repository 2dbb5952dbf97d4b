/**
 * Preloaded into a process whose memory is measured (`node --import`): collects its garbage when it is told to (SIGUSR2), so that
 * what is left is what lives. Of a server that has just met thousands of people most of what is resident is garbage, and how much of
 * it there is depends on how large the collector lets the heap grow before it looks.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
process.on('SIGUSR2', () => collect())
