/**
 * Receipts that wait while there is more important work, or while more of their device is about to come, conversation by
 * conversation, and are then recorded together: their lane makes one range of those of a device. Late, but none is lost and none
 * overtakes another of its conversation. They wait in memory like every frame that is not answered yet; a device that was not told
 * that its receipt is durable sends it again.
 */
import type { ConversationId } from '../../domain/ids.ts'
import type { Load } from './load.ts'

export interface HeldReceipts {
  /**
   * Nothing, if this receipt may go at once; otherwise what it has to wait for.
   * @param isCatchingUp its device is still being sent what it missed, and will acknowledge more in a moment.
   */
  turn(
    kind: 'delivered' | 'read',
    conversationId: ConversationId,
    isCatchingUp: boolean,
  ): Promise<void> | undefined
  /** Lets everything go, and holds nothing from now on. */
  close(): Promise<void>
}

type Waiting = Map<ConversationId, (() => void)[]>

/**
 * How long they wait. At first so long that those of a busy conversation come together, and nobody who looks at a tick minds;
 * where sends are refused an age, and dozens of receipts in one event.
 */
const HELD_MS = 250
const HELD_IN_FLOOD_MS = 1_000
/**
 * So many are let go in one turn of the event loop, so that they are no wave: this many conversations, each of which is some ranges
 * for its lane, however many receipts make them; and in any case this many receipts. By receipts alone fewer went than came once
 * turns took 50 ms: at 2,050 messages/s reads were told 3 to 6 s late, people were taken for away, and their jobs kept it so.
 */
const CONVERSATIONS_AT_ONCE = 50
const RECEIPTS_AT_ONCE = 200
/** Beyond it the turn ends all the same: each is a caller who goes on. */
const MOST_RECEIPTS_AT_ONCE = 2_000
/** For memory, some 20 MB; beyond it they go sooner. */
const MAX_HELD = 50_000

export function createHeldReceipts(load: Pick<Load, 'allows' | 'state'>): HeldReceipts {
  let held: Waiting = new Map()
  let count = 0
  let releasing: Waiting = new Map()
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function hold(among: Waiting, conversationId: ConversationId): Promise<void> {
    count++
    return new Promise((resolve) => {
      const before = among.get(conversationId)
      if (before) before.push(resolve)
      else among.set(conversationId, [resolve])
    })
  }

  function startReleasing(): void {
    timer = undefined
    releasing = held
    held = new Map()
    releaseSome()
  }

  /** Whole conversations: what is let go together is merged. */
  function releaseSome(): void {
    let released = 0
    let conversations = 0
    for (const [conversationId, turns] of releasing) {
      releasing.delete(conversationId)
      for (const go of turns) go()
      released += turns.length
      conversations++
      if (conversations >= CONVERSATIONS_AT_ONCE && released >= RECEIPTS_AT_ONCE) break
      if (released >= MOST_RECEIPTS_AT_ONCE) break
    }
    count -= released
    if (releasing.size > 0) setImmediate(releaseSome)
    else arm()
  }

  function arm(): void {
    if (held.size === 0 || timer !== undefined || releasing.size > 0) return
    const heldMs = load.state === 'send' ? HELD_IN_FLOOD_MS : HELD_MS
    timer = setTimeout(startReleasing, count > MAX_HELD || closed ? 0 : heldMs)
  }

  return {
    turn: (kind, conversationId, isCatchingUp) => {
      // Behind those of its conversation that wait already, whatever the load is by now.
      if (releasing.has(conversationId)) return hold(releasing, conversationId)
      if (!held.has(conversationId) && (closed || (!isCatchingUp && load.allows(kind)))) return undefined
      const turn = hold(held, conversationId)
      if (count > MAX_HELD) {
        clearTimeout(timer)
        timer = undefined
      }
      arm()
      return turn
    },
    close: async () => {
      closed = true
      clearTimeout(timer)
      timer = undefined
      arm()
      while (count > 0) await new Promise((resolve) => setImmediate(resolve))
    },
  }
}
