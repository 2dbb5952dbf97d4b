/**
 * Carries announcements to sockets: at once to those of this node, over the bus to those of other nodes. A hint only: what
 * gets lost on the way is found missing by the next frame, by a reconnect or by the delivery worker, and caught up with.
 */
import type { ConversationId, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import type { Committed } from '../../ledger/mailbox/contract.ts'
import { type Bus, nodeChannel } from '../../runtime/bus/bus.ts'
import type { SessionDirectory } from '../../runtime/sessions/directory.ts'
import { type Announcement, announce } from './announce.ts'
import { createDepartures } from './departures.ts'
import type { Hub } from './hub.ts'
import type { Delivery, Place } from './session.ts'

/** On `node.<node>`: these people, who have sessions there, should get these frames. */
export interface PushMessage {
  readonly kind: 'push'
  readonly pushes: readonly RemotePush[]
}

/** On `node.<node>`: something too large for the bus happened to these people; look for yourself. */
export interface ResyncMessage {
  readonly kind: 'resync'
  readonly userIds: readonly UserId[]
}

interface RemotePush {
  readonly userIds: readonly UserId[]
  readonly delivery: Omit<Delivery, 'place'> & { readonly place?: RemotePlace }
}

type RemotePlace = Omit<Place, 'position' | 'previousPosition'> & {
  readonly position?: string
  readonly previousPosition: string
}

export interface PushDeps {
  readonly hub: Hub
  readonly bus: Bus
  readonly directory: SessionDirectory
  /** Another node has changed who is in it. */
  readonly refresh: (conversationId: ConversationId) => Promise<void>
  readonly report: (error: unknown) => void
  /** Whether somebody's typing, told by another node, may be passed on. */
  readonly admitsTyping?: (key: string) => boolean
  readonly hidesReading?: (userId: UserId) => boolean
  /** To be waited for, so that `hidesReading` can tell; nothing if it can already. */
  readonly beforeReading?: (userId: UserId) => Promise<void> | undefined
}

export interface Push {
  committed(committed: Committed): void
  tell(announcements: readonly Announcement[]): void
  /** A push from another node. */
  received(message: PushMessage): void
  /** Resolves when everything handed over so far is on its way. */
  drained(): Promise<void>
}

export function createPush({
  hub,
  bus,
  directory,
  refresh,
  report,
  admitsTyping = () => true,
  hidesReading = () => false,
  beforeReading = () => undefined,
}: PushDeps): Push {
  const departures = createDepartures()
  /** Conversations of which something waits to be told: what comes after it waits behind it. */
  const heldBack = new Map<ConversationId, Promise<void>>()
  let waiting: Announcement[] = []
  let sending: Promise<void> | undefined
  /** Or each push of an outage would be reported. */
  let areFound = true

  /** One look-up for all that waits, and one message a node, in the order in which it happened. */
  async function sendAll(): Promise<void> {
    await Promise.resolve()
    while (waiting.length > 0) {
      const announcements = waiting
      waiting = []
      try {
        await sendToPeers(announcements)
        areFound = true
      } catch (error) {
        if (areFound) report(error)
        areFound = false
        // Nobody knows where these people are: wherever they are, they should look for themselves.
        const facts = announcements.filter(({ delivery }) => delivery.typing === undefined)
        const people = [...new Set(facts.flatMap(({ recipients }) => recipients))]
        for (const node of directory.peers()) {
          for (const { delivery } of facts) tellOfMembers(node, delivery)
          ringDoorbell(node, people)
        }
      }
    }
    sending = undefined
  }

  async function sendToPeers(announcements: readonly Announcement[]): Promise<void> {
    const people = [...new Set(announcements.flatMap(({ recipients }) => recipients))]
    const found = await directory.nodesOf(people)
    for (const [node, userIds] of found) {
      const there = new Set(userIds)
      for (const { recipients, delivery } of announcements) {
        const present = recipients.filter((userId) => there.has(userId))
        if (present.length > 0) send(node, { userIds: present, delivery: toRemote(delivery) })
        else tellOfMembers(node, delivery)
      }
    }
    for (const node of directory.peers()) {
      if (!found.has(node)) for (const { delivery } of announcements) tellOfMembers(node, delivery)
    }
  }

  /** A node that none of them is connected to may know the conversation, and goes by its members. */
  function tellOfMembers(node: string, delivery: Delivery): void {
    if (delivery.place?.membership) publish(node, { userIds: [], delivery: toRemote(delivery) })
  }

  function send(node: string, push: RemotePush): void {
    // Postgres keeps the queue of its notifications in files, and nobody clears them in time.
    if (push.delivery.goneAt !== undefined && bus.kind === 'postgres') ringDoorbell(node, push.userIds)
    else publish(node, push)
  }

  /** As a whole, or in parts of its recipients; where what they are to get is too large by itself, they look for themselves. */
  function publish(node: string, push: RemotePush): void {
    const payload = payloadOf(push)
    if (Buffer.byteLength(payload) <= bus.maxPayload) return bus.publish(nodeChannel(node), payload)
    const { userIds, delivery } = push
    const bytesLeft = bus.maxPayload - Buffer.byteLength(payloadOf({ userIds: [], delivery }))
    const room = Math.floor(bytesLeft / MAX_ID_BYTES)
    // A doorbell has room for so many: parts of fewer would be more, and larger.
    if (room < RUNG_AT_ONCE) return ringDoorbell(node, userIds)
    for (let from = 0; from < userIds.length; from += room)
      bus.publish(nodeChannel(node), payloadOf({ userIds: userIds.slice(from, from + room), delivery }))
  }

  function ringDoorbell(node: string, people: readonly UserId[]): void {
    for (let from = 0; from < people.length; from += RUNG_AT_ONCE) {
      const doorbell: ResyncMessage = { kind: 'resync', userIds: people.slice(from, from + RUNG_AT_ONCE) }
      bus.publish(nodeChannel(node), JSON.stringify(doorbell))
    }
  }

  function deliver(recipients: readonly UserId[], delivery: Delivery): void {
    for (const userId of recipients) {
      if (!departures.holdsBack(delivery, userId)) hub.deliver(userId, delivery)
    }
    departures.note(delivery, recipients)
  }

  function tell(announcements: readonly Announcement[]): void {
    for (const { recipients, delivery } of announcements) deliver(recipients, delivery)
    if (directory.peers().length === 0) return
    waiting.push(...announcements)
    sending ??= sendAll()
  }

  /**
   * What a reader wishes was known when the reading was to be recorded, and may be known no more now that it is: it is remembered for
   * minutes, and for all who came together it ends together. Taken for a wish to hide, it would never be told: a soak ended with 28 ticks missing.
   */
  function tellCommitted(committed: Committed): void {
    const { conversationId, events } = committed
    const readers = events.flatMap((event) => (event.type === 'MessageRead' ? [event.userId] : []))
    const unknown = readers.flatMap((userId) => beforeReading(userId) ?? [])
    const before = heldBack.get(conversationId)
    if (!before && unknown.length === 0) return tell(announce(committed, hidesReading))
    // All of them, also where one fails: what waits before this is told before it.
    const told = Promise.allSettled([before, ...unknown])
      .then((outcomes) => {
        for (const outcome of outcomes) if (outcome.status === 'rejected') report(outcome.reason)
        tell(announce(committed, hidesReading))
      })
      .catch(report)
      .finally(() => {
        if (heldBack.get(conversationId) === told) heldBack.delete(conversationId)
      })
    heldBack.set(conversationId, told)
  }

  return {
    committed: tellCommitted,
    tell,
    received: ({ pushes }) => {
      for (const { userIds, delivery } of pushes) {
        if (delivery.typing !== undefined && !admitsTyping(delivery.typing)) continue
        const local = fromRemote(delivery)
        deliver(userIds, local)
        if (local.place?.membership) refresh(local.place.conversationId).catch(report)
      }
    },
    drained: async () => {
      await Promise.all(heldBack.values())
      await sending
    },
  }
}

/** As JSON, with its comma. */
const MAX_ID_BYTES = 128 + 3
/** So many fit any bus. */
const RUNG_AT_ONCE = 40

const payloadOf = (push: RemotePush): string =>
  JSON.stringify({ kind: 'push', pushes: [push] } satisfies PushMessage)

function toRemote({ place, ...delivery }: Delivery): RemotePush['delivery'] {
  if (!place) return delivery
  const { position, previousPosition, ...rest } = place
  const remote = { previousPosition: String(previousPosition), ...rest }
  return { place: position === undefined ? remote : { position: String(position), ...remote }, ...delivery }
}

function fromRemote({ place, ...delivery }: RemotePush['delivery']): Delivery {
  if (!place) return delivery
  const { position, previousPosition, ...rest } = place
  const local = { previousPosition: BigInt(previousPosition) as Position, ...rest }
  return {
    place: position === undefined ? local : { position: BigInt(position) as Position, ...local },
    ...delivery,
  }
}
