/** Ends the sockets of a log-in that has ended, on every node. A hint: a socket that is missed lives as long as its token, minutes. */
import type { UserId } from '../../domain/ids.ts'
import { CLOSE_CODES } from '../../protocol/errors.ts'
import { type Bus, nodeChannel } from '../../runtime/bus/bus.ts'
import type { SessionDirectory } from '../../runtime/sessions/directory.ts'
import type { Hub } from './hub.ts'

/** On `node.<node>`: this log-in is over. */
export interface LogOutMessage {
  readonly kind: 'log-out'
  readonly userId: UserId
  readonly loginId: string
}

export interface LogOutDeps {
  readonly hub: Pick<Hub, 'sessionsOf'>
  readonly bus: Pick<Bus, 'publish'>
  readonly directory: Pick<SessionDirectory, 'nodesOf' | 'peers'>
  readonly report: (error: unknown) => void
}

export interface LogOuts {
  /** Never rejects. */
  tell(ended: Omit<LogOutMessage, 'kind'>): Promise<void>
  received(message: LogOutMessage): void
}

export function createLogOuts({ hub, bus, directory, report }: LogOutDeps): LogOuts {
  function received({ userId, loginId }: LogOutMessage): void {
    for (const session of hub.sessionsOf(userId)) {
      if (session.loginId === loginId) session.close(CLOSE_CODES.authenticationEnded, 'logged out')
    }
  }

  async function nodesOf(userId: UserId): Promise<Iterable<string>> {
    try {
      return (await directory.nodesOf([userId])).keys()
    } catch (error) {
      report(error)
      return directory.peers()
    }
  }

  return {
    received,
    tell: async ({ userId, loginId }) => {
      const message: LogOutMessage = { kind: 'log-out', userId, loginId }
      received(message)
      for (const node of await nodesOf(userId)) bus.publish(nodeChannel(node), JSON.stringify(message))
    },
  }
}
