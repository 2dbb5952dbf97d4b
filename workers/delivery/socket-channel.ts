/** The socket as a channel: asks the api nodes that hold a person's sessions to push what is missing. Opens no socket itself. */
import type { UserId } from '../../domain/ids.ts'
import type { Asker } from '../../runtime/bus/ask.ts'
import { nodeChannel } from '../../runtime/bus/bus.ts'
import type { Nudged } from '../../runtime/bus/messages.ts'
import type { NodeName, SessionDirectory } from '../../runtime/sessions/directory.ts'
import type { Channel, Push } from './channel.ts'

export interface SocketChannelDeps {
  readonly directory: Pick<SessionDirectory, 'nodesOf'>
  readonly asker: Pick<Asker, 'ask'>
  readonly timeoutMs: number
}

export function createSocketChannel({ directory, asker, timeoutMs }: SocketChannelDeps): Channel {
  /** Sessions that the node pushed to, or why that is not known. */
  async function nudge(node: NodeName, userId: UserId): Promise<number | string> {
    const answered = await asker.ask<Nudged>(nodeChannel(node), { kind: 'nudge', userId }, timeoutMs)
    return answered.kind === 'answered' ? answered.answer.pushed : `${node} did not answer`
  }

  return {
    name: 'socket',
    async reachable(userIds) {
      const nodes = await directory.nodesOf(userIds)
      return [...new Set([...nodes.values()].flat())]
    },
    async push(userId): Promise<Push> {
      try {
        const nodes = [...(await directory.nodesOf([userId])).keys()]
        const answers = await Promise.all(nodes.map((node) => nudge(node, userId)))
        if (answers.some((answer) => typeof answer === 'number' && answer > 0)) return { outcome: 'pushed' }
        const silent = answers.filter((answer) => typeof answer === 'string')
        return silent.length > 0 ? { outcome: 'failed', error: silent.join('; ') } : { outcome: 'offline' }
      } catch (error) {
        return {
          outcome: 'failed',
          error: `sessions unknown: ${error instanceof Error ? error.message : error}`,
        }
      }
    },
  }
}
