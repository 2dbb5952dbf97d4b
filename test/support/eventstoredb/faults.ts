/** Faults on demand: what a simulator should do wrong next. Decides when; the handlers of the protocol decide how. */

/** The answer of a server that will not take an append now. */
type Unwilling = 'Server Is Busy' | 'Server Is Not Ready' | 'No leader info available in response'

export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** What is to happen with one append. `cut` says when the connection goes: before or after the events are in the log. */
export type AppendFault =
  | { readonly kind: 'none' }
  | { readonly kind: 'cut'; readonly when: 'before' | 'after' }
  | { readonly kind: 'unwilling'; readonly answer: Unwilling }
  | { readonly kind: 'silent'; readonly when: 'before' | 'after' }
  | { readonly kind: 'no-position' }

export interface Faults {
  /** The next appends meet this fault; later ones none, unless more are queued. */
  onAppend(fault: AppendFault, times?: number): void
  /** Every answer to an append waits this long; 0 ends it. */
  delayAppends(ms: number): void
  /** Makes this node a follower: calls that require the leader are sent to the endpoint. `undefined`: leader again. */
  loseLeadership(leader: Endpoint | undefined): void
  /** Nothing more is answered or sent until `thaw`, though connections stay up. */
  freeze(): void
  thaw(): void
  /** Live subscriptions end with UNAVAILABLE, or cleanly. */
  dropSubscriptions(how: 'error' | 'clean'): void
  /** Calls of BatchAppend end without an error, whatever still waits on them. */
  endAppends(): void
  /** Every connection is cut. */
  cutConnections(): void
}

/** The handlers' side of the faults. */
export interface FaultState {
  nextAppend(): AppendFault
  readonly delayMs: number
  readonly leader: Endpoint | undefined
  /** Resolves at once, or when the freeze is over. */
  thawed(): Promise<void> | undefined
  /** Registers what ends one subscription. */
  onDrop(drop: (how: 'error' | 'clean') => void): () => void
  /** Registers what ends one call of BatchAppend. */
  onEndAppends(end: () => void): () => void
}

export function createFaults(cutConnections: () => void): {
  readonly faults: Faults
  readonly state: FaultState
} {
  const appends: AppendFault[] = []
  const drops = new Set<(how: 'error' | 'clean') => void>()
  const ends = new Set<() => void>()
  let delayMs = 0
  let leader: Endpoint | undefined
  let frozen: { readonly until: Promise<void>; readonly end: () => void } | undefined
  return {
    faults: {
      onAppend(fault, times = 1) {
        for (let n = 0; n < times; n++) appends.push(fault)
      },
      delayAppends(ms) {
        delayMs = ms
      },
      loseLeadership(endpoint) {
        leader = endpoint
      },
      freeze() {
        if (frozen !== undefined) return
        let end = () => {}
        const until = new Promise<void>((resolve) => {
          end = resolve
        })
        frozen = { until, end }
      },
      thaw() {
        frozen?.end()
        frozen = undefined
      },
      dropSubscriptions(how) {
        for (const drop of [...drops]) drop(how)
      },
      endAppends() {
        for (const end of [...ends]) end()
      },
      cutConnections,
    },
    state: {
      nextAppend: () => appends.shift() ?? { kind: 'none' },
      get delayMs() {
        return delayMs
      },
      get leader() {
        return leader
      },
      thawed: () => frozen?.until,
      onDrop(drop) {
        drops.add(drop)
        return () => drops.delete(drop)
      },
      onEndAppends(end) {
        ends.add(end)
        return () => ends.delete(end)
      },
    },
  }
}
