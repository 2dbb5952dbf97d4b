/** The simulator as a process of its own: tells its URL, obeys faults sent over IPC, ends with its parent. */

import { startSimulator } from './simulator.ts'

const simulator = await startSimulator({ port: Number(process.argv[2] ?? 0) })

if (process.send === undefined) console.log(simulator.url)
else {
  process.send({ url: simulator.url })
  process.on('disconnect', () => process.exit(0))
  process.on('message', (message: { fault: keyof typeof simulator.faults; args: unknown[] }) => {
    const apply = simulator.faults[message.fault] as (...args: unknown[]) => void
    apply(...message.args)
  })
}
