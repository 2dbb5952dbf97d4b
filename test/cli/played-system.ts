/** The whole system of `test/support`, as the commands that play people see one. */
import type { System } from '../../cli/system/system.ts'
import { type Config, readConfig } from '../../runtime/config.ts'
import { startSystem, tokenFor } from '../support/system.ts'

/** @param deliveryGraceMs by default short enough that whoever is away is tried. */
export async function startPlayedSystem(deliveryGraceMs = 500): Promise<System> {
  const system = await startSystem({ deliveryGraceMs })
  const reading = readConfig({ DATABASE_URL: system.database.url, TRIPTICK_LOG_LEVEL: 'silent' })
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
  return {
    url: system.urls[0] ?? '',
    own: false,
    config: reading.config satisfies Config,
    tokenFor: (userId) => tokenFor(userId),
    stop: () => system.stop(),
  }
}
