/** Time and CPU of this process between the beginning and the end of some appends. */
import type { AppendRate } from './settings.ts'

export async function measured(
  work: () => Promise<Pick<AppendRate, 'appends' | 'events'>>,
): Promise<AppendRate> {
  const cpu = process.cpuUsage()
  const began = performance.now()
  const { appends, events } = await work()
  const seconds = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { appends, events, seconds, cpuMicros: (user + system) / appends }
}
