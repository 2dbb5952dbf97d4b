/** JSON logs on standard error, secrets and bodies taken out. Never writes to standard output, which is for data. */
import { destination, type Logger, pino } from 'pino'
import type { LOG_LEVELS } from './settings.ts'

export type { Logger }

/** Words that must never be logged, at the top of a log object and one and two levels below. */
const SECRET_KEYS = [
  'authorization',
  'cookie',
  'token',
  'refreshToken',
  'ticket',
  'password',
  'secret',
  'jwtSecret',
  'jwtSecretPrevious',
  'masterKey',
  'databaseUrl',
  'redisUrl',
  'ledgerUrl',
  'body',
  'bodies',
  'text',
]

const REDACTED_PATHS: readonly string[] = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`])

export interface LoggerOptions {
  readonly level: (typeof LOG_LEVELS)[number]
  /** Which process speaks: `supervisor`, `api`, `projections,workers` … */
  readonly process: string
  readonly node?: string
  /** For tests. Default: standard error. */
  readonly to?: { write(line: string): void }
}

export function createLogger({ level, process, node, to }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: node === undefined ? { process } : { process, node },
      redact: { paths: [...REDACTED_PATHS], censor: '[redacted]' },
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    },
    // Synchronous: the lines before a crash are the ones that matter.
    to ?? destination({ dest: 2, sync: true }),
  )
}

/**
 * What Node warns of (a library that uses what is deprecated, say) as a line of the log, instead of as text among JSON. Takes the place of
 * Node's own printer, which is the first that listens, and is not there with `--no-warnings`.
 */
export function logWarnings(log: Logger): void {
  const [printer] = process.listeners('warning')
  if (!printer) return
  process.removeListener('warning', printer)
  process.on('warning', (warning) => log.warn({ err: warning }, 'a warning of Node or of a library'))
}

/**
 * What is safe and useful of an error. Errors of `pg` carry their connection, and in `detail` and `where` values of rows;
 * none of that is logged.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) }
  const { name, message, stack, cause } = error
  const { code } = error as { code?: unknown }
  return {
    type: name,
    message,
    ...(code === undefined ? {} : { code }),
    stack,
    ...(cause === undefined ? {} : { cause: describeError(cause) }),
  }
}
