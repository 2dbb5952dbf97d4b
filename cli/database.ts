/** The database that a command works on: the given one, that of the Triptick that runs, or the embedded one for a while. */
import type { Config } from '../runtime/config.ts'
import { holdDataFolder, readRunning } from '../runtime/data-folder.ts'
import type { Logger } from '../runtime/logging.ts'
import { migrate } from '../runtime/migrate.ts'

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
