/**
 * Command handling: the one way by which facts come into being. A mailbox per conversation holds two lanes, one for each of
 * its streams, so that receipts neither wait for sends nor the other way round.
 *
 *   1. submit    the command queues in its lane                             (mailbox/lane.ts)
 *   2. load      the state: in memory, or from a snapshot plus the tail     (mailbox/stream-fold.ts)
 *   3. decide    purely, one command after another                          (domain/…/decide.ts)
 *   4. seal      bodies under the key of conversation and sender            (sealing/)
 *   5. append    all events together, on the expected revision; durable     (mailbox/append-surely.ts)
 *   6. push      whoever listens hears of the committed facts               (`onCommitted`)
 *   7. answer    each caller, only now
 */
import { LRUCache } from 'lru-cache'
import type { ConversationCommand, ConversationResults, LookUp } from '../domain/conversation/commands.ts'
import type { ConversationState } from '../domain/conversation/state.ts'
import type { DeliveryCommand, DeliveryResults } from '../domain/delivery/commands.ts'
import type { ConversationId, MessageId, UserId } from '../domain/ids.ts'
import type { UserCommand, UserResults } from '../domain/user/commands.ts'
import type { Addressed, Answer, CommandHandlerDeps } from './mailbox/contract.ts'
import type { Handled } from './mailbox/lane.ts'
import { createMailboxes } from './mailbox/mailboxes.ts'
import { createUserLane, type UserLane } from './mailbox/user-lane.ts'

export interface CommandHandler {
  converse<C extends ConversationCommand>(
    conversationId: ConversationId,
    command: Addressed<C>,
  ): Promise<Answer<ConversationResults[C['type']]>>
  deliver<C extends DeliveryCommand>(
    conversationId: ConversationId,
    command: Addressed<C>,
  ): Promise<Answer<DeliveryResults[C['type']]>>
  /** What is kept about a person: their connections, when they were seen, what they share. */
  attend<C extends UserCommand>(
    userId: UserId,
    command: Addressed<C>,
  ): Promise<Answer<UserResults[C['type']]>>
  /**
   * The conversation as it is durable; `fresh` asks the ledger, otherwise it may lag behind other processes.
   * @throws TooManyReads when it is not in memory and too many wait to be read
   */
  conversation(conversationId: ConversationId, fresh?: boolean): Promise<ConversationState>
  /** Something was appended by another process: brings the conversation up to date if it is in memory. */
  refresh(conversationId: ConversationId): Promise<void>
  /** Other processes may have appended to any conversation without a word: each is brought up to date before it is looked at again. */
  outdate(): void
  /** Resolves when every command that is under way now has been answered, however many come meanwhile. */
  drained(): Promise<void>
}

/** People come and go; whoever did a while ago is loaded anew. About 2 KB each. */
const USERS_IN_MEMORY = 2_000
/** More messages than a state remembers may come while one look-up runs, and then once more; not for ever. */
const MAX_LOOK_UPS = 5

export function createCommandHandler(deps: CommandHandlerDeps): CommandHandler {
  const { mailbox, mailboxInMemory, outdate } = createMailboxes(deps)
  const users = new LRUCache<UserId, UserLane>({ max: USERS_IN_MEMORY })
  /** Of the commands since `drained` was last called. */
  let batch = newBatch()
  let drained: Promise<unknown> = Promise.resolve()

  function userLane(userId: UserId): UserLane {
    const known = users.get(userId)
    if (known) return known
    const made = createUserLane(deps, userId)
    users.set(userId, made)
    return made
  }

  function track<T>(work: Promise<T>): Promise<T> {
    const mine = batch
    mine.underWay++
    const ended = () => {
      if (--mine.underWay === 0) mine.onDone?.()
    }
    work.then(ended, ended)
    return work
  }

  async function drain(): Promise<void> {
    const asked = batch
    batch = newBatch()
    const done = new Promise<void>((resolve) => {
      if (asked.underWay === 0) resolve()
      else asked.onDone = resolve
    })
    drained = Promise.all([drained, done])
    await drained
  }

  /** A message that the state has forgotten is looked up, and the command decided again with what was found. */
  async function converse(
    conversationId: ConversationId,
    command: Addressed<ConversationCommand>,
  ): Promise<Answer<unknown>> {
    let current = command
    for (let lookUps = 0; ; lookUps++) {
      const handled = await mailbox(conversationId).conversation.submit(current)
      if (handled.kind !== 'needs-message' || lookUps === MAX_LOOK_UPS) return settled(handled)
      const { messageId } = command as Addressed<Extract<ConversationCommand, { messageId: MessageId }>>
      try {
        const found = await deps.findMessage(conversationId, messageId, handled.upTo)
        const lookUp: LookUp = { found, asked: handled.asked }
        current = { ...command, lookUp } as Addressed<ConversationCommand>
      } catch (cause) {
        return { kind: 'unavailable', cause }
      }
    }
  }

  return {
    converse: (conversationId, command) => track(converse(conversationId, command)) as Promise<never>,
    deliver: (conversationId, command) =>
      track(mailbox(conversationId).delivery.submit(command).then(settled)) as Promise<never>,
    attend: (userId, command) => track(userLane(userId).submit(command).then(settled)) as Promise<never>,
    conversation: async (conversationId, fresh = false) =>
      (await mailbox(conversationId).conversation.current(fresh)).state,
    refresh: async (conversationId) => {
      await mailboxInMemory(conversationId)?.conversation.current(true)
    },
    outdate,
    drained: drain,
  }
}

interface Batch {
  underWay: number
  onDone?: () => void
}

const newBatch = (): Batch => ({ underWay: 0 })

function settled(handled: Handled<unknown>): Answer<unknown> {
  if (handled.kind !== 'needs-message') return handled
  return {
    kind: 'unavailable',
    cause: new Error('the conversation moves on faster than a message in it can be looked up'),
  }
}
