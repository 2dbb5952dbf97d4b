/** Which other nodes are live, in memory: from the store at every heartbeat, and from announcements at once. Stores nothing. */
import type { Bus } from '../bus/bus.ts'
import type { NodeName } from './directory.ts'

const CHANNEL = 'nodes'

interface Announcement {
  readonly node: NodeName
  readonly change: 'up' | 'down'
  /** A process has begun under this name; absent where one can be found again. */
  readonly starts?: true
}

export interface Peers {
  names(): readonly NodeName[]
  /** One went without a word within the hour, and may be there still: cut off from us, but not from its people. */
  readonly areMissed: boolean
  announce(change: 'starts' | Announcement['change']): void
  /** What the store says now. */
  seen(live: readonly NodeName[]): void
  close(): Promise<void>
}

export interface PeersDeps {
  readonly bus: Bus
  /** Absent for an observer, which announces nothing. */
  readonly self: NodeName | undefined
  /** For so long an announcement counts more than the store, which may have been read before it. */
  readonly settleMs: number
  /** A process has begun under the name of a peer that never said it would stop: that one has died, too lately for the store to know. */
  readonly onDied: () => void
  /** The sessions of a peer, which could not be found for a while, can be found again. */
  readonly onBack: () => void
}

/** Far longer than anybody goes on with a node that reaches no other. */
const MISSED_FOR_MS = 60 * 60_000

export async function createPeers({ bus, self, settleMs, onDied, onBack }: PeersDeps): Promise<Peers> {
  let names: readonly NodeName[] = []
  /** Since when. */
  const missed = new Map<NodeName, number>()
  const announced = new Map<NodeName, { readonly change: Announcement['change']; readonly at: number }>()

  const unsubscribe = await bus.subscribe(CHANNEL, (payload) => {
    const { node, change, starts } = JSON.parse(payload) as Announcement
    if (node === self) return
    missed.delete(node)
    const died = starts && names.includes(node)
    announced.set(node, { change, at: performance.now() })
    names = names.filter((name) => name !== node)
    if (change === 'up') names = [...names, node]
    if (died) onDied()
    if (change === 'up' && !starts) onBack()
  })

  return {
    names: () => names,
    get areMissed() {
      return missed.size > 0
    },
    announce(change) {
      if (self === undefined) return
      const announcement: Announcement =
        change === 'starts' ? { node: self, change: 'up', starts: true } : { node: self, change }
      bus.publish(CHANNEL, JSON.stringify(announcement))
    },
    seen(live) {
      const now = new Set(live)
      for (const [node, { change, at }] of announced) {
        if (performance.now() - at > settleMs) announced.delete(node)
        else if (change === 'up') now.add(node)
        else now.delete(node)
      }
      if (self !== undefined) now.delete(self)
      const at = performance.now()
      for (const [node, since] of missed) if (now.has(node) || at - since > MISSED_FOR_MS) missed.delete(node)
      for (const node of names) if (!now.has(node)) missed.set(node, at)
      names = [...now]
    },
    close: unsubscribe,
  }
}
