/** A node that appends and dies before it has pushed anything: what it says is recorded, and nobody is told. For tests. */
import pg from 'pg'
import { sendCommand } from '../../api/messages/commands.ts'
import type { ConversationId, DeviceId, UserId } from '../../domain/ids.ts'
import { type CommandHandler, createCommandHandler } from '../../ledger/handle-command.ts'
import { createPostgresLedger } from '../../ledger/postgres/ledger.ts'
import { createContentKeys } from '../../ledger/sealing/content-keys.ts'
import { createSnapshots } from '../../ledger/snapshots.ts'
import { createTemporaryBodies } from '../../ledger/temporary-bodies.ts'
import { textFrame } from './chat.ts'

export interface DyingNode {
  readonly pool: pg.Pool
  readonly handler: CommandHandler
  /** Resolves with the message's id. */
  say(userId: string, conversationId: string, text: string): Promise<string>
  stop(): Promise<void>
}

export function startDyingNode(databaseUrl: string): DyingNode {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 })
  pool.on('error', () => {})
  const ledger = createPostgresLedger({ databaseUrl, pool })
  const handler = createCommandHandler({
    ledger,
    snapshots: createSnapshots(pool),
    contentKeys: createContentKeys(pool, Buffer.alloc(32, 9)),
    temporaryBodies: createTemporaryBodies(pool),
    node: 'dying',
    findMessage: () => Promise.reject(new Error('no look-up expected')),
    report: () => {},
  })
  return {
    pool,
    handler,
    say: async (userId, conversationId, text) => {
      const frame = textFrame({ userId, deviceId: 'lost' }, conversationId, text)
      const command = sendCommand(frame as never, userId as UserId, 'lost' as DeviceId)
      if ('code' in command) throw new Error(command.message)
      const answer = await handler.converse(conversationId as ConversationId, command)
      if (answer.kind !== 'done') throw new Error(`it was not recorded: ${answer.kind}`)
      return frame.messageId
    },
    stop: async () => {
      await ledger.close()
      await pool.end()
    },
  }
}
