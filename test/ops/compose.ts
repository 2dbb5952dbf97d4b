/** `docker-compose.yml` as docker reads it: anchors merged, variables put in. Starts nothing. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { packageRoot } from '../../runtime/package-root.ts'

const Service = z.strictObject({
  image: z.string(),
  build: z.strictObject({ context: z.string(), dockerfile: z.string() }).optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  healthcheck: z.looseObject({ test: z.array(z.string()) }),
  depends_on: z.record(z.string(), z.strictObject({ condition: z.literal('service_healthy') })).default({}),
  volumes: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  restart: z.literal('unless-stopped'),
  stop_grace_period: z.string().regex(/^\d+s$/),
  stop_signal: z.string().optional(),
  shm_size: z.string().optional(),
  init: z.boolean().optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
})
export type Service = z.infer<typeof Service>

const Compose = z.looseObject({
  services: z.record(z.string(), Service),
  volumes: z.record(z.string(), z.null()),
})
export type Compose = z.infer<typeof Compose>

/** As a person would set them: see `docs/configuration.md`. */
export const SECRETS = {
  TRIPTICK_JWT_SECRET: 'a-secret-of-at-least-thirty-two-bytes',
  TRIPTICK_MASTER_KEY: Buffer.alloc(32, 1).toString('base64'),
  POSTGRES_PASSWORD: 'postgres-password',
  REDIS_PASSWORD: 'redis-password',
}

export const readRoot = (file: string): string => readFileSync(join(packageRoot, file), 'utf8')

/** @throws where a variable that must be set is not. */
export function readCompose(environment: Readonly<Record<string, string>> = SECRETS): Compose {
  const raw: unknown = parse(readRoot('docker-compose.yml'), { merge: true })
  return Compose.parse(interpolated(raw, environment))
}

function interpolated(value: unknown, environment: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return interpolate(value, environment)
  if (Array.isArray(value)) return value.map((item) => interpolated(item, environment))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, interpolated(inner, environment)]),
  )
}

/** `$$`, `${NAME}`, `${NAME:-default}` and `${NAME:?message}`; there is no other form in the file. */
function interpolate(text: string, environment: Readonly<Record<string, string>>): string {
  return text.replace(
    /\$(?:\$|\{(\w+)(?::([-?])([^}]*))?\})/g,
    (all, name?: string, kind?: string, rest?: string) => {
      if (all === '$$') return '$'
      const found = environment[name ?? '']
      if (found) return found
      if (kind === '-') return rest ?? ''
      throw new Error(`${name} is not set`)
    },
  )
}
