/** Finds the Triptick that a command should play on: the named one, the one that runs here, else one of its own. */
import type { Config } from '../../runtime/config.ts'
import { readRunning } from '../../runtime/data-folder.ts'
import { startProblem } from '../../runtime/problem.ts'
import { knownJwtSecret } from '../../runtime/secrets.ts'
import { settings } from '../settings.ts'
import { addressOf, statusOf } from './named-system.ts'
import { startOwnSystem } from './own-system.ts'
import { signPlayer } from './sign-player.ts'
import type { System } from './system.ts'

const LIVE_LIMIT_MS = 1000

/**
 * @param url as given on the command line.
 * @param ownSettings for one of its own, as environment. Rejects with a `StartProblem`.
 */
export async function findSystem(
  url: string | undefined,
  ownSettings: NodeJS.ProcessEnv = {},
): Promise<System> {
  const config = settings()
  const named = url ?? config.url
  if (named !== undefined) return await namedSystem(named, config)
  const here = await systemHere(config)
  if (here) return here
  console.error('no Triptick runs here: starting one for this command')
  return await startOwnSystem(config, ownSettings)
}

async function namedSystem(typed: string, config: Config): Promise<System> {
  const url = addressOf(typed)
  if (!(await isAlive(url))) {
    throw startProblem(
      `no Triptick answers at ${url}`,
      'Start one (`npm start`), or leave the URL out: then one of its own is started.',
    )
  }
  if (!knowsSecret(config)) {
    throw startProblem(
      `the secret that signs tokens for ${url} is not known here`,
      'Set TRIPTICK_JWT_SECRET, or TRIPTICK_DATA to its data folder.',
    )
  }
  return running(url, config)
}

/** On our data folder; or on the usual port, if we can sign tokens for it. */
async function systemHere(config: Config): Promise<System | undefined> {
  const usual = `http://127.0.0.1:${config.port}`
  const address = readRunning(config.dataFolder)?.address ?? usual
  return knowsSecret(config) && (await isAlive(address)) ? running(address, config) : undefined
}

/** Only where one is known: looking for it must not make one. */
const knowsSecret = (config: Config): boolean =>
  config.jwtSecret !== undefined || readRunning(config.dataFolder) !== undefined

function running(url: string, config: Config): System {
  return {
    url,
    own: false,
    config,
    // Not before it is wanted: who brings a secret of their own asks for no token.
    tokenFor: async (userId, name) =>
      await signPlayer({ ...config, jwtSecret: knownJwtSecret(config) }, userId, name),
    async stop() {},
  }
}

const isAlive = async (url: string): Promise<boolean> =>
  (await statusOf(new URL('/livez', url), LIVE_LIMIT_MS)) === 200
