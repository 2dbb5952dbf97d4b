/** Secrets that nobody has set: generated once, kept in the data folder, readable by their owner alone. Never logged. */
import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config, ResolvedConfig } from './config.ts'
import { makeDataFolder } from './data-folder.ts'
import { startProblem } from './problem.ts'

/** Completes the configuration with the secrets of the data folder, which are made now if they are missing. */
export function resolveConfig(config: Config, databaseUrl: string): ResolvedConfig {
  return { ...config, databaseUrl, jwtSecret: findJwtSecret(config), masterKey: findMasterKey(config) }
}

/**
 * For commands beside a Triptick: they make no secret, since no server would know the tokens that they sign with it. Throws a
 * `StartProblem` if none is known.
 */
export function knownJwtSecret({ jwtSecret, dataFolder }: Config): string {
  const known = jwtSecret ?? readSecret(join(dataFolder, 'jwt-secret'))
  if (known !== undefined) return known
  throw startProblem(
    `there is no Triptick in the data folder ${dataFolder}, or it keeps its secret elsewhere`,
    'Set TRIPTICK_DATA to the folder of one that has been started, or TRIPTICK_JWT_SECRET to its secret.',
  )
}

function findJwtSecret({ jwtSecret, dataFolder }: Config): string {
  return jwtSecret ?? kept(dataFolder, 'jwt-secret', () => randomBytes(32).toString('base64url'))
}

function findMasterKey({ masterKey, dataFolder }: Config): Buffer {
  return (
    masterKey ??
    Buffer.from(
      kept(dataFolder, 'master-key', () => randomBytes(32).toString('base64')),
      'base64',
    )
  )
}

function kept(folder: string, name: string, generate: () => string): string {
  const file = join(folder, name)
  return readSecret(file) ?? create(folder, file, generate())
}

function readSecret(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    const isForeign = error instanceof Error && 'code' in error && error.code === 'EACCES'
    throw startProblem(
      `the secret in ${file} can't be read: ${error instanceof Error ? error.message : String(error)}`,
      isForeign
        ? 'Run this as the user who started Triptick first.'
        : 'Set TRIPTICK_DATA to the folder that Triptick was started with.',
      error,
    )
  }
}

/** Written whole before it gets its name: of two processes that make it at once, both use the first one's. */
function create(folder: string, file: string, secret: string): string {
  makeDataFolder(folder)
  const draft = `${file}.${process.pid}`
  try {
    writeFileSync(draft, `${secret}\n`, { mode: 0o600 })
    linkSync(draft, file)
  } catch (error) {
    const first = readSecret(file)
    if (first !== undefined) return first
    throw startProblem(
      `no secret can be kept in ${folder}: ${error instanceof Error ? error.message : String(error)}`,
      'Set TRIPTICK_DATA to a folder that you may write to.',
      error,
    )
  } finally {
    rmSync(draft, { force: true })
  }
  return secret
}
