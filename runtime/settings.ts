/**
 * Every setting there is, in one table: its name, its schema, its default and what it means. `docs/configuration.md` is
 * tested against it. Reads no environment; `config.ts` does. To add a setting, add one entry here.
 */
import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { z } from 'zod'
import { EVENTSTORE_OPTION_NAMES, isEventStoreUrl, isPostgresUrl, isRedisUrl } from './server-urls.ts'

export interface Setting<S extends z.ZodType = z.ZodType> {
  readonly env: string
  /** Parses the text of the variable. An absent or empty variable is `undefined`. */
  readonly schema: S
  /** What must be written there, as the end of "must be …". */
  readonly expected: string
  /** Text that stands in for an absent variable, or in words what its absence means. */
  readonly absent: { readonly value: string | (() => string) } | { readonly means: string }
  readonly meaning: string
  /** Never echoed, neither in problems nor in logs. */
  readonly secret?: true
}

function setting<S extends z.ZodType>(entry: Setting<S>): Setting<S> {
  return entry
}

const wholeNumber = (min: number, max: number) =>
  z.string().regex(/^\d+$/).transform(Number).pipe(z.number().int().min(min).max(max))

const urlOf = (...protocols: readonly string[]) =>
  z
    .string()
    .refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol))
    .optional()

const urlWhich = (isTaken: (text: string) => boolean) => z.string().refine(isTaken).optional()

const secretOf32Bytes = z
  .string()
  .refine((text) => Buffer.byteLength(text) >= 32)
  .optional()

const base64Of32Bytes = z
  .string()
  .transform((text) => Buffer.from(text, 'base64'))
  .refine((bytes) => bytes.length === 32)
  .optional()

/** As browsers write them: lower case, no path, no default port. */
const origins = z
  .string()
  .transform((text) => text.split(',').map((origin) => origin.trim()))
  .refine((all) => all.every((one) => one === '*' || (URL.canParse(one) && new URL(one).origin === one)))

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/** What flows into token buckets (`api/rate-limits/`). */
const rate = (env: string, value: string, of: string) =>
  setting({
    env,
    schema: wholeNumber(0, 1_000_000),
    expected: 'a whole number up to 1000000 (0: no limit)',
    absent: { value },
    meaning: `${of}; four seconds' worth may come at once.`,
  })

const addresses = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .refine((parts) => parts.every(isNetwork))
  .optional()
  .transform((parts): readonly string[] => parts ?? [])

/** `10.0.0.1`, `10.0.0.0/8`, or a name that fastify knows. */
function isNetwork(text: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true
  const [address = '', bits, ...more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

/** Where every command looks, unless it is told otherwise. */
export const DATA_FOLDER = './.triptick'

export const SETTINGS = {
  port: setting({
    env: 'PORT',
    schema: wholeNumber(0, 65_535),
    expected: 'a port number from 0 to 65535 (0: any free port)',
    absent: { value: '8080' },
    meaning: 'Port of the HTTP and WebSocket server.',
  }),
  host: setting({
    env: 'HOST',
    schema: z.string().regex(/^[\w.:%-]+$/),
    expected: 'an address or host name of this machine',
    absent: { value: '127.0.0.1' },
    meaning: 'Address the server listens on. `0.0.0.0` opens it to other machines.',
  }),
  dataFolder: setting({
    env: 'TRIPTICK_DATA',
    schema: z.string(),
    expected: 'a folder',
    absent: { value: DATA_FOLDER },
    meaning: 'Folder of the embedded Postgres and of the secrets that were generated.',
  }),
  databaseUrl: setting({
    env: 'DATABASE_URL',
    schema: urlWhich(isPostgresUrl),
    expected: 'postgres://user:password@host:port/database, percent-encoded',
    absent: { means: 'an embedded PostgreSQL 18 in the data folder' },
    meaning: 'Postgres for the read models (and for the ledger, unless LEDGER_URL is set).',
    secret: true,
  }),
  ledgerUrl: setting({
    env: 'LEDGER_URL',
    schema: urlWhich(isEventStoreUrl),
    expected: `esdb://user:password@host:port?option=value or esdb+discover://…, percent-encoded, options: ${EVENTSTORE_OPTION_NAMES.join(', ')}`,
    absent: { means: 'the ledger is kept in Postgres' },
    meaning: 'EventStoreDB that keeps the ledger.',
    secret: true,
  }),
  redisUrl: setting({
    env: 'REDIS_URL',
    schema: urlWhich(isRedisUrl),
    expected: 'redis://user:password@host:port/number or rediss://…, percent-encoded',
    absent: { means: 'jobs, sessions and that push in Postgres' },
    meaning: 'Redis for jobs, sessions and the push between nodes.',
    secret: true,
  }),
  jwtSecret: setting({
    env: 'TRIPTICK_JWT_SECRET',
    schema: secretOf32Bytes,
    expected: 'at least 32 bytes long',
    absent: { means: 'generated once and kept in the data folder' },
    meaning: 'Secret that signs and checks HS256 tokens.',
    secret: true,
  }),
  jwtSecretPrevious: setting({
    env: 'TRIPTICK_JWT_SECRET_PREVIOUS',
    schema: secretOf32Bytes,
    expected: 'at least 32 bytes long',
    absent: { means: 'only TRIPTICK_JWT_SECRET checks HS256 tokens' },
    meaning: 'The secret before this one: its tokens are still accepted, nothing is signed with it any more.',
    secret: true,
  }),
  jwksUrl: setting({
    env: 'TRIPTICK_JWKS_URL',
    schema: urlOf('https:', 'http:'),
    expected: 'an http(s) URL',
    absent: { means: 'only tokens signed with TRIPTICK_JWT_SECRET' },
    meaning: 'Key set of an identity provider whose RS256, ES256 and EdDSA tokens are accepted too.',
  }),
  jwtIssuer: setting({
    env: 'TRIPTICK_JWT_ISSUER',
    schema: z.string().min(1).max(512).optional(),
    expected: '1 to 512 characters',
    absent: { means: 'any issuer' },
    meaning: 'What `iss` must say in every token, whoever signed it. Tokens of our own say it.',
  }),
  jwtAudience: setting({
    env: 'TRIPTICK_JWT_AUDIENCE',
    schema: z.string().min(1).max(512).optional(),
    expected: '1 to 512 characters',
    absent: { means: 'any audience' },
    meaning: 'What `aud` must say or list in every token, whoever signed it. Tokens of our own say it.',
  }),
  accounts: setting({
    env: 'TRIPTICK_ACCOUNTS',
    schema: z
      .enum(['on', 'off'])
      .transform((word) => word === 'on')
      .optional(),
    expected: '`on` or `off`',
    absent: { means: 'on, unless TRIPTICK_JWKS_URL is set' },
    meaning: 'Whether people may register with a name and a password (`/v1/auth/…`).',
  }),
  allowedOrigins: setting({
    env: 'TRIPTICK_ALLOWED_ORIGINS',
    schema: origins.optional(),
    expected: 'origins like https://chat.example with commas between, or `*` for every page',
    absent: { means: 'pages of the host that is asked; with a loopback HOST also all of this machine' },
    meaning:
      'Web pages whose requests and WebSockets are accepted. Programs that are no browsers always are.',
  }),
  masterKey: setting({
    env: 'TRIPTICK_MASTER_KEY',
    schema: base64Of32Bytes,
    expected: '32 bytes in base64 (`openssl rand -base64 32`)',
    absent: { means: 'generated once and kept in the data folder' },
    meaning: 'Key that wraps the data keys of message bodies. Whoever loses it loses the bodies.',
    secret: true,
  }),
  node: setting({
    env: 'TRIPTICK_NODE',
    schema: z.string().regex(/^[\w.-]{1,64}$/),
    expected: '1 to 64 letters, digits, `.`, `_` or `-`',
    // The random part: containers often share both host name pattern and pid 1.
    absent: { value: () => `${hostname().slice(0, 30)}-${process.pid}-${randomBytes(3).toString('hex')}` },
    meaning: 'Name of this node in sessions, logs and the metadata of events; unique among running nodes.',
  }),
  logLevel: setting({
    env: 'TRIPTICK_LOG_LEVEL',
    schema: z.enum(LOG_LEVELS),
    expected: `one of ${LOG_LEVELS.join(', ')}`,
    absent: { value: 'info' },
    meaning: 'How much is logged (JSON, on standard error).',
  }),
  advertiseUrl: setting({
    env: 'TRIPTICK_ADVERTISE_URL',
    schema: urlOf('https:', 'http:'),
    expected: 'an http(s) URL',
    absent: { means: 'only who has reached this node is told of it, by the address that was used' },
    meaning: 'Where clients reach this api node and no other; `GET /v1/gateways` names it.',
  }),
  url: setting({
    env: 'TRIPTICK_URL',
    schema: urlOf('https:', 'http:'),
    expected: 'an http(s) URL',
    absent: { means: 'the Triptick of the data folder, else one of their own' },
    meaning: 'The running Triptick that `demo` and `replay-trace` play on, without a path.',
  }),
  deliveryGraceMs: setting({
    env: 'TRIPTICK_DELIVERY_GRACE_MS',
    schema: wholeNumber(0, 3_600_000),
    expected: 'milliseconds, from 0 to 3600000',
    absent: { value: '2000' },
    meaning: 'How long a recipient may take to acknowledge before delivery is retried by a job.',
  }),
  search: setting({
    env: 'TRIPTICK_SEARCH',
    schema: z.enum(['on', 'off']).transform((word) => word === 'on'),
    expected: '`on` or `off`',
    absent: { value: 'on' },
    meaning: 'Whether messages can be searched and mentions listed. `off` removes the index of their words.',
  }),
  metricsPort: setting({
    env: 'TRIPTICK_METRICS_PORT',
    schema: wholeNumber(1, 65_535).optional(),
    expected: 'a port number from 1 to 65535',
    absent: { means: 'these metrics are not shown' },
    meaning: 'Port of `/metrics` of processes without the api role. The api shows its own on PORT.',
  }),
  trustedProxies: setting({
    env: 'TRIPTICK_TRUSTED_PROXIES',
    schema: addresses,
    expected:
      'addresses or networks like 10.0.0.0/8, or loopback, linklocal, uniquelocal, with commas between',
    absent: { means: 'nobody: the address of a client is that of its connection' },
    meaning: 'Load balancers whose `X-Forwarded-For` says who the client is.',
  }),
  rateSocket: rate('TRIPTICK_RATE_SOCKET', '2000', 'Cost of the frames of one socket a second'),
  rateDevice: rate('TRIPTICK_RATE_DEVICE', '2000', 'The same of one device, over all its sockets'),
  ratePerson: rate('TRIPTICK_RATE_PERSON', '4000', 'The same of one person, HTTP requests (8 each) included'),
  rateAddress: rate(
    'TRIPTICK_RATE_ADDRESS',
    '10000',
    'The same of one client address (IPv6: its /64; loopback is exempt)',
  ),
  rateConnections: rate(
    'TRIPTICK_RATE_CONNECTIONS',
    '100',
    'WebSockets that one client address may open a second (loopback is exempt)',
  ),
} as const

export type SettingKey = keyof typeof SETTINGS
