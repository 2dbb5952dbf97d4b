/**
 * Whether the URL of a server is one that its client takes. Asked before the client is, because clients echo a wrong URL, and the
 * password in it. Never whether the server is there.
 */

export function isPostgresUrl(text: string): boolean {
  if (!/^postgres(ql)?:\/\//.test(text)) return false
  // A host, or a socket's folder instead: `postgres://user@/db?host=/run/postgresql`, which only pg can read as it stands.
  const url = parse(text) ?? parse(text.replace('@/', '@socket/'))
  const hasHost = parse(text)?.hostname || url?.searchParams.get('host')
  return Boolean(hasHost) && /^\d{0,5}$/.test(url?.searchParams.get('port') ?? '')
}

export function isRedisUrl(text: string): boolean {
  // Without the slashes ioredis takes the protocol for a host.
  const url = /^rediss?:\/\//.test(text) ? parse(text) : undefined
  return url !== undefined && url.hostname !== '' && /^(\/\d*)?$/.test(url.pathname)
}

/** Slashes at the end of a URL, the client cuts off. */
const TEXT = /[^/]$/
const TRUE_OR_FALSE = /^(true|false)$/
const COUNT = /^\d{1,9}$/
const COUNT_OR_OFF = /^(-1|\d{1,9})$/

/** Of @eventstore/db-client 6.2.1 (`dist/Client/parseConnectionString.js`), with the values that it and the ledger can do with. */
const EVENTSTORE_OPTIONS: Readonly<Record<string, RegExp>> = {
  tls: TRUE_OR_FALSE,
  tlsCAFile: TEXT,
  // Of `false` the client says, with the URL, that it has no effect.
  tlsVerifyCert: /^true$/,
  userCertFile: TEXT,
  userKeyFile: TEXT,
  nodePreference: /^(leader|follower|read_?only_?replica|random)$/i,
  connectionName: TEXT,
  defaultDeadline: /^[1-9]\d{0,8}$/,
  discoveryInterval: COUNT,
  maxDiscoverAttempts: COUNT,
  gossipTimeout: COUNT,
  keepAliveInterval: COUNT_OR_OFF,
  keepAliveTimeout: COUNT_OR_OFF,
  // `ledger/eventstoredb/ledger.ts` says why.
  throwOnAppendFailure: /^true$/,
}

export const EVENTSTORE_OPTION_NAMES: readonly string[] = Object.keys(EVENTSTORE_OPTIONS)

/** The client takes `tls-ca-file` and `TLS_CA_FILE` too. */
const flat = (name: string): string => name.toLowerCase().replace(/[_-]/g, '')
const optionValues = new Map(Object.entries(EVENTSTORE_OPTIONS).map(([name, values]) => [flat(name), values]))

/** Read by hand: there may be several hosts, which no `URL` has. Of a `/` after a host without a port the client makes a part of its name. */
const EVENTSTORE =
  /^esdb(?:\+discover)?:\/\/(?:[^:@/?]+:[^:@]+@)?(?<hosts>[^@/?]+)(?:(?<=:\d+)\/|\/$)?(?:\?(?<options>[^@?]+))?$/

export function isEventStoreUrl(text: string): boolean {
  const { hosts = '', options } = EVENTSTORE.exec(text)?.groups ?? {}
  return (
    isEncoded(text) &&
    hosts.split(',').every(isHostAndPort) &&
    (options === undefined || options.split('&').every(isOption))
  )
}

function isHostAndPort(text: string): boolean {
  const [, port = '2113'] = /^[\w.-]+(?::(\d{1,5}))?$/.exec(text) ?? ['', '0']
  return Number(port) > 0 && Number(port) <= 65_535
}

function isOption(text: string): boolean {
  const [, name = '', value = ''] = /^([^=]+)=(.+)$/.exec(text) ?? []
  return optionValues.get(flat(name))?.test(value) ?? false
}

/** A `@` after the host, or a fragment, is the rest of a password that had to be encoded: its beginning would be shown as the host. */
function parse(text: string): URL | undefined {
  if (!isEncoded(text) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  return /[@#]/.test(url.pathname + url.hash) || !areOptions(url.search) ? undefined : url
}

/** A value may hold a `@`, as users do at some providers: `?user=app@server`. A name may not. */
const areOptions = (search: string): boolean => search.split('&').every((option) => !/^[^=]*@/.test(option))

/** What is not, clients read each in its own way, or throw. */
function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return !/\s/.test(text)
  } catch {
    return false
  }
}
