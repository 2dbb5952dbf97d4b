/**
 * One device is in one place, over all nodes: of several sessions of it the one with the highest claim stays, the others are
 * closed with 4409. Knows nothing of what is sent to them.
 *
 * A session is found by other nodes before it takes its claim (a number of one sequence), and looks for others after that.
 * Of two that come at once, the later claim therefore knows of the earlier session. Whoever hears of a lower claim than its
 * own answers with its own, so one message that arrives is enough. All claims are told again after a gap of the bus.
 * Whoever polls takes a new claim with each poll: from node to node, each poll is newer than what is still told of the one before.
 */
import type { DeviceId, UserId } from '../../domain/ids.ts'
import { CLOSE_CODES } from '../../protocol/errors.ts'
import { type Bus, nodeChannel } from '../../runtime/bus/bus.ts'
import type { SessionDirectory } from '../../runtime/sessions/directory.ts'
import type { Hub } from './hub.ts'
import type { Session } from './session.ts'

/** On `node.<node>`: these devices are connected to `node`. */
export interface ClaimMessage {
  readonly kind: 'claim'
  readonly node: string
  readonly claims: readonly Claim[]
}

interface Claim {
  readonly userId: UserId
  readonly deviceId: DeviceId
  /** Decimal digits. */
  readonly claim: string
}

export interface ClaimsDeps {
  readonly node: string
  readonly hub: Hub
  readonly bus: Bus
  readonly directory: Pick<SessionDirectory, 'nodesOf' | 'peers'>
  readonly report: (error: unknown) => void
}

export interface Claims {
  /** Tells the other nodes that hold sessions of these people. Never rejects. */
  tell(sessions: readonly Session[]): Promise<void>
  received(message: ClaimMessage): void
}

/** 20 claims with the longest ids, 251 bytes each, fit the smallest bus (5,969), and leave room for the name of the node. */
const CLAIMS_A_MESSAGE = 20

export function createClaims({ node, hub, bus, directory, report }: ClaimsDeps): Claims {
  const claimed = (session: Session): boolean => session.mode !== 'closed' && session.claim !== undefined

  function publish(to: string, sessions: readonly Session[]): void {
    for (let from = 0; from < sessions.length; from += CLAIMS_A_MESSAGE) {
      const claims = sessions
        .slice(from, from + CLAIMS_A_MESSAGE)
        .map(({ userId, deviceId, claim }) => ({ userId, deviceId, claim: String(claim) }))
      bus.publish(nodeChannel(to), JSON.stringify({ kind: 'claim', node, claims } satisfies ClaimMessage))
    }
  }

  return {
    tell: async (sessions) => {
      if (directory.peers().length === 0) return
      try {
        const people = [...new Set(sessions.map(({ userId }) => userId))]
        for (const [holder, userIds] of await directory.nodesOf(people)) {
          const there = new Set(userIds)
          publish(
            holder,
            sessions.filter((session) => claimed(session) && there.has(session.userId)),
          )
        }
      } catch (error) {
        report(error)
        for (const peer of directory.peers()) publish(peer, sessions.filter(claimed))
      }
    },
    received: (message) => {
      for (const { userId, deviceId, claim } of message.claims) {
        for (const session of hub.sessionsOf(userId)) {
          // One without a claim yet will tell its own.
          if (session.deviceId !== deviceId || session.claim === undefined) continue
          if (session.claim < BigInt(claim)) {
            hub.remove(session)
            session.close(CLOSE_CODES.replaced, 'the same device connected again')
          } else if (session.claim > BigInt(claim)) publish(message.node, [session])
        }
      }
    },
  }
}
