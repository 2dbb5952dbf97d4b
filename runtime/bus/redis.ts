/** The bus over Redis: one connection that listens, one that publishes. Stores nothing in Redis. */
import type { Logger } from '../logging.ts'
import type { Bus } from './bus.ts'
import { createLosses, LOSS_CHANNEL } from './losses.ts'
import { connectRedis, redisPrefix } from './redis-connection.ts'
import { createSubscriptions, refuseOversized } from './subscriptions.ts'

/** Redis itself would take 512 MB; a longer message would only keep the others waiting. */
const MAX_PAYLOAD = 1024 * 1024
/** Beyond this Redis does not keep up, and what waits is stale anyway. */
const MAX_PENDING = 20_000

export interface RedisBusOptions {
  readonly url: string
  readonly node: string
  readonly log: Logger
  /** How often the connections are asked whether they are still there. Default 10 s. */
  readonly checkMs?: number
}

export async function createRedisBus({ url, node, log, checkMs = 10_000 }: RedisBusOptions): Promise<Bus> {
  const subscriptions = createSubscriptions(log)
  const name = `triptick-bus-${node}`
  const publisher = await connectRedis({ url, name, log, options: { enableAutoPipelining: true } })
  const listener = await connectRedis({
    url,
    name: `${name}-listener`,
    log,
    // Ours to do, because the end of a gap is when all subscriptions stand again, not when the connection does.
    options: { autoResubscribe: false },
  }).catch((error: unknown) => {
    publisher.disconnect()
    throw error
  })
  const prefix = `${redisPrefix(publisher)}bus:`
  let closed = false
  let pending = 0
  const losses = createLosses({
    publish: () => publisher.publish(prefix + LOSS_CHANNEL, ''),
    gap: subscriptions.gap,
    log,
  })

  listener.on('message', (channel: string, payload: string) =>
    subscriptions.deliver(channel.slice(prefix.length), payload),
  )
  listener.on('ready', () => {
    const channels = subscriptions.channels().map((channel) => prefix + channel)
    const again = channels.length > 0 ? listener.subscribe(...channels) : Promise.resolve()
    again.then(subscriptions.gap, () => listener.disconnect(true))
  })
  publisher.on('ready', losses.tell)

  const check = setInterval(() => {
    losses.tell()
    for (const connection of [publisher, listener]) {
      if (connection.status === 'ready') connection.ping().catch(() => connection.disconnect(true))
    }
  }, checkMs)
  check.unref()

  /** Until it has worked: a connection that breaks in between is replaced by one that may have begun too early. */
  async function listen(channel: string): Promise<void> {
    for (;;) {
      if (closed) throw new Error('the bus is closed')
      const done = await listener.subscribe(prefix + channel).then(
        () => true,
        () => false,
      )
      if (done) return
      // Subscribing is rare, so there is no need to be woken.
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  subscriptions.add(LOSS_CHANNEL, losses.heard)
  await listen(LOSS_CHANNEL)

  return {
    kind: 'redis',
    maxPayload: MAX_PAYLOAD,
    get isWhole() {
      return publisher.status === 'ready' && listener.status === 'ready' && !losses.any
    },
    publish(channel, payload) {
      refuseOversized(payload, MAX_PAYLOAD)
      if (closed) return
      if (publisher.status !== 'ready' || pending >= MAX_PENDING) {
        losses.add(1)
        return
      }
      pending += 1
      publisher
        .publish(prefix + channel, payload)
        .catch(() => losses.add(1))
        .finally(() => {
          pending -= 1
        })
    },
    async subscribe(channel, handler) {
      const remove = subscriptions.add(channel, handler)
      await listen(channel)
      return async () => {
        if (remove() && !closed) await listener.unsubscribe(prefix + channel).catch(() => {})
      }
    },
    onGap: subscriptions.onGap,
    async close() {
      if (closed) return
      closed = true
      clearInterval(check)
      losses.close()
      subscriptions.clear()
      // Answered after everything that was published before it.
      await publisher.ping().catch(() => {})
      publisher.disconnect()
      listener.disconnect()
    },
  }
}
