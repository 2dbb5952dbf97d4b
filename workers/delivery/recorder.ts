/** Writes tries into the ledger, through command handling. Decides nothing: what still waits is the decider's to say. */
import { randomUUID } from 'node:crypto'
import type { DeliveryResults, RecordAttempt, RecordExhausted } from '../../domain/delivery/commands.ts'
import type { ConversationId, Millis, Seq, UserId } from '../../domain/ids.ts'
import type { Envelope } from '../../ledger/codec/encode.ts'
import type { CommandHandler } from '../../ledger/handle-command.ts'

type Tried = Pick<RecordAttempt, 'userId' | 'fromSeq' | 'toSeq' | 'channel' | 'outcome' | 'error'>

export interface Recorder {
  /** Answers what still waits after this try. Rejects when the ledger can't say. */
  attempt(conversationId: ConversationId, tried: Tried): Promise<DeliveryResults['record-attempt']>
  /** @param toSeq of the last try */
  exhausted(conversationId: ConversationId, userId: UserId, toSeq: Seq): Promise<void>
}

export function createRecorder(handler: Pick<CommandHandler, 'conversation' | 'deliver'>): Recorder {
  async function record<C extends RecordAttempt | RecordExhausted>(
    conversationId: ConversationId,
    command: C,
  ): Promise<DeliveryResults[C['type']] | undefined> {
    const commandId = randomUUID()
    const envelope: Envelope = { commandId, actorId: 'system', actorKind: 'system' }
    // Messages are appended by other processes: by a remembered conversation nothing might be waiting any more.
    await handler.conversation(conversationId, true)
    const answer = await handler.deliver(conversationId, { envelope, ...command })
    switch (answer.kind) {
      case 'done':
        return answer.result as DeliveryResults[C['type']]
      case 'rejected':
        return undefined
      case 'unavailable':
      case 'overloaded':
        throw new Error('the attempt could not be recorded', { cause: answer })
      default:
        return answer satisfies never
    }
  }

  const now = (): Millis => Date.now() as Millis
  return {
    async attempt(conversationId, tried) {
      const recorded = await record(conversationId, { type: 'record-attempt', at: now(), ...tried })
      // Rejected: there is nothing any more that could wait.
      return recorded ?? { attempt: 0 }
    },
    async exhausted(conversationId, userId, toSeq) {
      await record(conversationId, { type: 'record-exhausted', at: now(), userId, toSeq })
    },
  }
}
