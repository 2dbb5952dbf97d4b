/**
 * What a session is: one device at one node, what it has been sent, and whether it can take more. Types; a socket's is in
 * `socket-session.ts`, that of a device that polls in `poll-session.ts`.
 *
 *   arriving ──welcomed──▶ catching-up ──settled──▶ live ──gap not mended, or reader too slow──▶ behind ──catch up again──▶ catching-up
 *       │                       │                     │                                             │
 *       └───────────────────────┴─────────────────────┴───────────── socket closes ─────────────────┴──▶ closed
 *
 * - arriving: where it begins is not known yet. What happens waits; all that is missed until then is still to be read.
 * - catching-up: what happens meanwhile waits in `pending`, and is sent when the missed has been.
 * - live: what happens is sent as it happens. A frame that overtook another of its conversation between nodes is early: it is
 *   held until the other comes, by itself or from the ledger (`gaps.ts`); other conversations go on.
 * - behind: something was left out; nothing is sent until it has been caught up with.
 */
import type { ConversationId, DeviceId, Millis, Seq, UserId } from '../../domain/ids.ts'
import type { Position, Revision } from '../../ledger/ledger.ts'
import type { Attendance } from '../presence/attendance.ts'

/** Where a frame stands in its conversation; receipts stand nowhere. */
export interface Place {
  readonly conversationId: ConversationId
  /** Last seq before this fact. */
  readonly seqBefore: Seq
  /** Present for a message. */
  readonly seq?: Seq
  /** Present for any other fact: a late push and what mends its gap may both bring it. */
  readonly revision?: Revision
  /**
   * At or after its own, of whatever is no message: at or before the position of a session it was told while that caught up. Absent:
   * not known, or an expiry, of which a device that has not acknowledged its message is told by the push alone.
   */
  readonly position?: Position
  /** At or after the position of the conversation's fact before this one. */
  readonly previousPosition: Position
  /** The conversation begins here for this person: nothing before is missing. */
  readonly begins?: boolean
  /** Somebody came or went: what this node knows of the members is out of date. */
  readonly membership?: { readonly userId: UserId; readonly change: 'joined' | 'left' }
}

export interface Delivery {
  readonly json: string
  readonly place?: Place
  /** This device knows it already; it only moves on. */
  readonly exceptDevice?: DeviceId
  /** Somebody else has read: not for who hides what they read themselves. */
  readonly reading?: true
  /** It carries a temporary body: nobody is given it from then on, and it may be on no disk but where it is destroyed in time. */
  readonly goneAt?: Millis
  /** Somebody is typing: who, and where. The first thing that is left out. */
  readonly typing?: string
}

export type SessionMode = 'arriving' | 'catching-up' | 'live' | 'behind' | 'closed'

/** One device at one node, on a socket (here) or by long poll (`poll-session.ts`). */
export interface Session {
  readonly userId: UserId
  readonly deviceId: DeviceId
  /** Unix seconds at which its token ends; later once it was renewed. */
  expiresAt: number
  /** That of its token, if it came from a built-in account. */
  loginId: string | undefined
  readonly mode: SessionMode
  /** Everything at or before it has been sent. */
  readonly position: Position
  readonly backlog: number
  /** When its client last gave a sign of life; milliseconds of `performance.now()`. */
  readonly heardAt: number
  /** Whether what is delivered now goes out to somebody: nobody is there between two long polls. */
  readonly isThere: boolean
  /** It comes and goes by long poll. */
  readonly isPolling: boolean
  /** Asks its client for a sign of life. */
  ping(): void
  /** Ends it without a word: its client is gone. */
  terminate(): void
  /** Pushes may have been lost: look for what it was not sent. */
  resync(): void
  /** Its person has not acknowledged for long: look whether something was not sent. */
  nudge(): void
  /** Something happened that concerns this person. */
  deliver(delivery: Delivery): void
  /** An answer, or a frame of catching up: sent in any mode. */
  send(json: string): void
  /** The last message of a conversation that this session was sent, if any was. */
  sentUpTo(conversationId: ConversationId): Seq
  /** A missed message that is about to be sent. */
  markSent(conversationId: ConversationId, seq: Seq): void
  /** Whether this very frame, about a conversation and no message of it, was among the last that were pushed to it. */
  wasTold(conversationId: ConversationId, json: string): boolean
  /** Whether frames of this conversation are held because one before them has not come. */
  isMissing(conversationId: ConversationId): boolean
  /** Something was left out that cannot be mended frame by frame. */
  fallBehind(): void
  /** Pushes may have been lost: until it has caught up, nobody knows what it was sent. */
  doubted: boolean
  /** Of several sessions of this device the highest stays (`claims.ts`); taken while the session is started. */
  claim: bigint | undefined
  /** What is known of its person's being here; set when it is in the hub. */
  attendance: Attendance | undefined
  /** Whether frames were held for what is missing before them. They are forgotten: what is read from now on has them. */
  startCatchingUp(): boolean
  /**
   * The missed has been sent up to `position`, these frames among it: send what waited, but for those. `false` if the session is not
   * catching up any more.
   */
  settle(position: Position, live: string, told?: ReadonlySet<string>): boolean
  flush(): void
  /** Sends what waits and closes; nothing that comes afterwards is carried out. */
  close(code: number, reason: string): void
  closed(): void
}

/** A reader that has not taken this much is too slow to be pushed to. */
export const MAX_BACKLOG_BYTES = 1024 * 1024
