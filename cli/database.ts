/** The database that a command works on: the given one, that of the Triptick that runs, or the embedded one for a while. */
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../runtime/config.ts'
import { holdDataFolder, readRunning } from '../runtime/data-folder.ts'
import type { Logger } from '../runtime/logging.ts'
import { migrate } from '../runtime/migrate.ts'
import { startProblem } from '../runtime/problem.ts'

export interface CommandDatabase {
  readonly url: string
  /** Of the Triptick that runs, if one does. */
  readonly address: string | undefined
  close(): Promise<void>
}

/** With the newest schema. Rejects with a `StartProblem`. */
export async function openDatabase(config: Config, log: Logger): Promise<CommandDatabase> {
  const running = readRunning(config.dataFolder)
  const url = config.databaseUrl ?? running?.databaseUrl
  if (url !== undefined) {
    await migrate({ url, log })
    return { url, address: running?.address, async close() {} }
  }
  // Who has mistyped the folder is not to be told that there is nothing in it. A link whose database is gone is another trouble.
  if (lstatSync(join(config.dataFolder, 'postgres'), { throwIfNoEntry: false }) === undefined) {
    throw startProblem(
      `there is no Triptick in the data folder ${config.dataFolder}`,
      'Set TRIPTICK_DATA to the folder of one that has been started, or DATABASE_URL to its database.',
    )
  }
  const folder = holdDataFolder(config.dataFolder)
  try {
    const { startEmbeddedPostgres } = await import('../runtime/embedded-postgres/embedded-postgres.ts')
    const postgres = await startEmbeddedPostgres(config.dataFolder, log)
    const close = async () => {
      await postgres.stop()
      folder.release()
    }
    await migrate({ url: postgres.url, log }).catch(async (error: unknown) => {
      await close()
      throw error
    })
    return { url: postgres.url, address: undefined, close }
  } catch (error) {
    folder.release()
    throw error
  }
}
