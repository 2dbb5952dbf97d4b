/** Which other nodes are live, in memory: from the store at every heartbeat, and from announcements at once. Stores nothing. */
import type { Bus } from '../bus/bus.ts'
import type { NodeName } from './directory.ts'

const CHANNEL = 'nodes'

interface Announcement {
  readonly node: NodeName
  readonly change: 'up' | 'down'
}

export interface Peers {
  names(): readonly NodeName[]
  announce(change: Announcement['change']): void
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
}

export async function createPeers({ bus, self, settleMs }: PeersDeps): Promise<Peers> {
  let names: readonly NodeName[] = []
  const announced = new Map<NodeName, { readonly change: Announcement['change']; readonly at: number }>()

  const unsubscribe = await bus.subscribe(CHANNEL, (payload) => {
    const { node, change } = JSON.parse(payload) as Announcement
    if (node === self) return
    announced.set(node, { change, at: performance.now() })
    names = names.filter((name) => name !== node)
    if (change === 'up') names = [...names, node]
  })

  return {
    names: () => names,
    announce(change) {
      if (self !== undefined)
        bus.publish(CHANNEL, JSON.stringify({ node: self, change } satisfies Announcement))
    },
    seen(live) {
      const now = new Set(live)
      for (const [node, { change, at }] of announced) {
        if (performance.now() - at > settleMs) announced.delete(node)
        else if (change === 'up') now.add(node)
        else now.delete(node)
      }
      if (self !== undefined) now.delete(self)
      names = [...now]
    },
    close: unsubscribe,
  }
}
