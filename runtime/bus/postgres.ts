/** The bus over Postgres: LISTEN and NOTIFY on one dedicated connection, payloads sealed. Writes no table. */
import { createHash } from 'node:crypto'
import { coalesce } from '../coalesce.ts'
import type { Logger } from '../logging.ts'
import type { Bus, BusHandler } from './bus.ts'
import { openDedicatedConnection } from './dedicated-connection.ts'
import { createLosses, LOSS_CHANNEL } from './losses.ts'
import { createPayloadSeal, sealable } from './payload-seal.ts'
import { createSubscriptions, refuseOversized } from './subscriptions.ts'

/** Postgres refuses 8,000 bytes and more. */
const MAX_PAYLOAD = sealable(7_999)
/** Longer batches would hold the global lock that committing a NOTIFY takes for too long. */
const MAX_BATCH = 500
/** Beyond this the server does not keep up, and what waits is stale anyway. */
const MAX_PENDING = 20_000

const PUBLISH =
  'SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) AS batch (channel, payload)'

interface Message {
  readonly channel: string
  readonly payload: string
}

export interface PostgresBusOptions {
  readonly url: string
  readonly masterKey: Buffer
  readonly node: string
  readonly log: Logger
  /** How often an idle connection is asked whether it is still there. Default 10 s. */
  readonly checkMs?: number
}

export async function createPostgresBus(options: PostgresBusOptions): Promise<Bus> {
  const { url, masterKey, node, log, checkMs = 10_000 } = options
  const { seal, open } = createPayloadSeal(masterKey)
  const subscriptions = createSubscriptions(log)
  const names = new Map<string, string>()
  let closed = false
  let warned = false

  const connection = await openDedicatedConnection({
    url,
    name: `triptick-bus-${node}`.slice(0, 63),
    log,
    prepare: () => subscriptions.channels().map((channel) => `LISTEN ${pgChannel(channel)}`),
    onNotification(name, payload) {
      const channel = names.get(name)
      if (channel === undefined) return
      const opened = open(channel, payload)
      if (opened !== undefined) subscriptions.deliver(channel, opened)
      else if (!warned) {
        warned = true
        log.warn(
          'the bus carries what another master key has sealed: all processes need the same TRIPTICK_MASTER_KEY',
        )
      }
    },
    onReturn() {
      losses.tell()
      subscriptions.gap()
    },
    checkMs,
  })
  const losses = createLosses({
    publish: () => send([{ channel: LOSS_CHANNEL, payload: '' }]),
    gap: subscriptions.gap,
    log,
  })
  const telling = setInterval(losses.tell, checkMs)
  telling.unref()

  function send(messages: readonly Message[]): Promise<void> {
    const channels = messages.map(({ channel }) => pgChannel(channel))
    // Each has a nonce of its own: of equal payloads in a transaction Postgres would send only one.
    const payloads = messages.map(({ channel, payload }) => seal(channel, payload))
    return connection.query(PUBLISH, [channels, payloads])
  }

  const outgoing = coalesce<Message, void>(MAX_BATCH, (messages) =>
    send(messages).catch(() => losses.add(messages.length)),
  )

  /** Until it has worked: a connection that breaks in between is replaced by one that may have been prepared too early. */
  async function listen(channel: string): Promise<void> {
    for (;;) {
      await connection.whenUp()
      const done = await connection.query(`LISTEN ${pgChannel(channel)}`).then(
        () => true,
        () => false,
      )
      if (done) return
    }
  }

  async function subscribe(channel: string, handler: BusHandler): Promise<() => boolean> {
    names.set(pgChannel(channel), channel)
    const remove = subscriptions.add(channel, handler)
    await listen(channel)
    return remove
  }

  await subscribe(LOSS_CHANNEL, losses.heard)

  return {
    kind: 'postgres',
    maxPayload: MAX_PAYLOAD,
    get isWhole() {
      return connection.isUp && !losses.any
    },
    publish(channel, payload) {
      refuseOversized(payload, MAX_PAYLOAD)
      if (closed) return
      if (connection.isUp && outgoing.pending < MAX_PENDING) void outgoing.add({ channel, payload })
      else losses.add(1)
    },
    async subscribe(channel, handler) {
      const remove = await subscribe(channel, handler)
      return async () => {
        if (!remove()) return
        names.delete(pgChannel(channel))
        await connection.query(`UNLISTEN ${pgChannel(channel)}`).catch(() => {})
      }
    },
    onGap: subscriptions.onGap,
    async close() {
      closed = true
      clearInterval(telling)
      losses.close()
      await outgoing.idle()
      subscriptions.clear()
      await connection.close()
    },
  }
}

/** Postgres cuts channel names at 63 bytes, which a node's name can fill alone: so a hash of fixed length. */
const pgChannel = (channel: string): string =>
  `triptick_bus_${createHash('sha256').update(channel).digest('hex').slice(0, 32)}`
