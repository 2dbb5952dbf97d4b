/** Which api nodes a client may connect to, the least busy first: each node says it of itself, asked over the bus. */
import type { Asker } from '../../runtime/bus/ask.ts'
import { nodeChannel } from '../../runtime/bus/bus.ts'
import type { Question } from '../../runtime/bus/messages.ts'
import type { SessionDirectory } from '../../runtime/sessions/directory.ts'

/** On `node.<node>`: how busy are you? */
export interface LoadQuestion extends Question {
  readonly kind: 'how-busy'
}

export interface NodeLoad {
  readonly node: string
  /** Where clients reach it; absent where its setting is. */
  readonly url?: string
  readonly sessions: number
}

export interface GatewayNode {
  readonly node: string
  readonly url: string
}

export interface GatewaysDeps {
  readonly own: () => NodeLoad
  readonly asker: Asker
  readonly directory: Pick<SessionDirectory, 'peers'>
}

export interface Gateways {
  /** @param reachedAt where the caller has reached this node, if that is known: it stands for a node that says nothing of itself. */
  list(reachedAt: string | undefined): Promise<readonly GatewayNode[]>
}

/** A node that takes longer is not one to connect to. */
const PATIENCE_MS = 1_000
/** One asking serves everybody for so long. */
const FRESH_MS = 2_000

export function createGateways({ own, asker, directory }: GatewaysDeps): Gateways {
  let peers: Promise<readonly NodeLoad[]> = Promise.resolve([])
  let askedAt = Number.NEGATIVE_INFINITY

  async function askPeers(): Promise<readonly NodeLoad[]> {
    const answers = await Promise.all(
      directory
        .peers()
        .map((peer) => asker.ask<NodeLoad>(nodeChannel(peer), { kind: 'how-busy' }, PATIENCE_MS)),
    )
    return answers.flatMap((reply) => (reply.kind === 'answered' ? [reply.answer] : []))
  }

  return {
    list: async (reachedAt) => {
      if (performance.now() - askedAt > FRESH_MS) {
        askedAt = performance.now()
        peers = askPeers()
      }
      const nodes: NodeLoad[] = [
        { ...(reachedAt === undefined ? {} : { url: reachedAt }), ...own() },
        ...(await peers),
      ]
      return nodes
        .toSorted((a, b) => a.sessions - b.sessions)
        .flatMap(({ node, url }) => (url === undefined ? [] : [{ node, url }]))
    },
  }
}
