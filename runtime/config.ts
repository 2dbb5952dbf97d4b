/** Reads and checks the settings before anything starts. Never starts, creates or connects to anything. */
import { resolve } from 'node:path'
import type { z } from 'zod'
import type { Problem } from './problem.ts'
import { SETTINGS, type Setting, type SettingKey } from './settings.ts'

export type Config = { readonly [K in SettingKey]: z.output<(typeof SETTINGS)[K]['schema']> }

/** The settings as a running process has them: what may be absent in the environment has been found or generated. */
export type ResolvedConfig = Omit<Config, 'databaseUrl' | 'jwtSecret' | 'masterKey'> & {
  readonly databaseUrl: string
  readonly jwtSecret: string
  /** 32 bytes. */
  readonly masterKey: Buffer
}

/** Where an identity provider knows the people, accounts beside it are to be asked for. */
export const hasAccounts = ({ accounts, jwksUrl }: Pick<Config, 'accounts' | 'jwksUrl'>): boolean =>
  accounts ?? jwksUrl === undefined

export type ConfigReading =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly (Problem & { readonly setting: string })[] }

type Environment = Readonly<Record<string, string | undefined>>

export function readConfig(env: Environment): ConfigReading {
  const problems: (Problem & { setting: string })[] = []
  const values: Record<string, unknown> = {}
  for (const [key, entry] of Object.entries<Setting>(SETTINGS)) {
    // Compose files pass unset variables on as empty ones.
    const text = env[entry.env] === '' ? undefined : env[entry.env]
    const parsed = entry.schema.safeParse(text ?? standIn(entry))
    if (parsed.success) values[key] = parsed.data
    else problems.push(wrongValue(entry, text))
  }
  problems.push(...unknownNames(env))
  if (problems.length > 0) return { ok: false, problems }
  const config = values as Config
  return { ok: true, config: { ...config, dataFolder: resolve(config.dataFolder) } }
}

function standIn(entry: Setting): string | undefined {
  if (!('value' in entry.absent)) return undefined
  return typeof entry.absent.value === 'function' ? entry.absent.value() : entry.absent.value
}

function wrongValue(entry: Setting, text: string | undefined): Problem & { setting: string } {
  const shown = entry.secret || text === undefined ? 'its value' : JSON.stringify(text)
  const absence = 'value' in entry.absent ? 'the default is used' : entry.absent.means
  return {
    setting: entry.env,
    problem: `${shown} is wrong: it must be ${entry.expected}`,
    fix: `Correct ${entry.env}, or unset it (then: ${absence}).`,
  }
}

/** A misspelt name would be ignored in silence, so every unknown `TRIPTICK_…` is refused. */
function unknownNames(env: Environment): (Problem & { setting: string })[] {
  const known = Object.values<Setting>(SETTINGS).map((entry) => entry.env)
  return Object.keys(env)
    .filter((name) => name.startsWith('TRIPTICK_') && !known.includes(name))
    .map((name) => {
      const nearest = known.reduce((best, next) =>
        likeness(name, next) < likeness(name, best) ? next : best,
      )
      return {
        setting: name,
        problem: 'there is no setting of this name',
        fix: isLike(name, nearest)
          ? `Did you mean ${nearest}? Otherwise unset ${name}.`
          : `Unset ${name}. All settings: docs/configuration.md.`,
      }
    })
}

/** Without the prefix, which some settings do not have: somebody who writes TRIPTICK_PORT means one of those. */
const wordOf = (name: string): string => name.replace(/^TRIPTICK_/, '')
const likeness = (name: string, setting: string): number => distance(wordOf(name), wordOf(setting))

/** A few slips of the finger, not another word. */
const isLike = (name: string, setting: string): boolean =>
  likeness(name, setting) <= Math.min(3, wordOf(name).length / 2)

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
