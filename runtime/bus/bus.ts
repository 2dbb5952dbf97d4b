/**
 * The contract of the bus: short messages between the processes of one Triptick. Stores nothing and promises no arrival.
 *
 * Glossary
 * - channel: a name that messages are published to; whoever is subscribed at that moment gets them.
 * - gap: a time in which this process may have missed messages: it was cut off, or another could not publish.
 * - doorbell: a message that says only "look", sent instead of one that is longer than `maxPayload`.
 *
 * Three implementations, one contract suite (`test/runtime/bus/contract.ts`): memory, Postgres (LISTEN/NOTIFY), Redis.
 */

export type BusHandler = (payload: string) => void

export interface Bus {
  readonly kind: 'memory' | 'postgres' | 'redis'
  /** Longest payload in bytes of UTF-8. Whoever has more to say sends a doorbell. */
  readonly maxPayload: number
  /** As far as this process knows, what it publishes arrives, it hears what others publish, and nothing is dropped of which they were not told. */
  readonly isWhole: boolean
  /**
   * At most once, and never waits. What one process publishes to one channel arrives in that order, at the publisher's own
   * subscriptions too; it is dropped while there is no connection. Throws a RangeError for a payload over `maxPayload`.
   */
  publish(channel: string, payload: string): void
  /**
   * Resolves when messages published from now on will come; the answer ends the subscription. Subscriptions survive a
   * broken connection. A handler that throws is logged and harms nobody else.
   */
  subscribe(channel: string, handler: BusHandler): Promise<() => Promise<void>>
  /**
   * Called after this process was cut off and is subscribed again, and when one that could not publish can again: look at the truth,
   * messages may be missing. What a process could not publish before it died is for the session directory to notice. The answer ends
   * the calls.
   */
  onGap(handler: () => void): () => void
  /** Sends what was published, ends subscriptions, closes connections. Publishing afterwards does nothing. */
  close(): Promise<void>
}

/** What one api node should get. */
export const nodeChannel = (node: string): string => `node.${node}`
