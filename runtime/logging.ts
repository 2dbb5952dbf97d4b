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
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    },
    // Synchronous: the lines before a crash are the ones that matter.
    to ?? destination({ dest: 2, sync: true }),
  )
}
