/** The lane of `user-<id>`: connections, being seen, and wishes about privacy. Tells nobody; readers follow the ledger. */
import type { UserEvent } from '../../domain/events.ts'
import type { UserId } from '../../domain/ids.ts'
import type { UserCommand, UserResult } from '../../domain/user/commands.ts'
import { decideUser } from '../../domain/user/decide.ts'
import {
  draftUser,
  evolveUser,
  initialUser,
  USER_STATE_VERSION,
  type UserState,
} from '../../domain/user/state.ts'
import { encode } from '../codec/encode.ts'
import { userStream } from '../streams.ts'
import type { Addressed, CommandHandlerDeps } from './contract.ts'
import { createLane, type Lane } from './lane.ts'

export type UserLane = Lane<UserState, Addressed<UserCommand>, UserResult>

/** A connect may be three events: the end of the older connection, the new one, and being seen. */
const COMMAND_BYTES = 3 * 1000
/** A person comes and goes a few times a day, and is loaded anew nearly every time: the tail must stay short. */
const SNAPSHOT_EVERY = 40

export function createUserLane(deps: CommandHandlerDeps, userId: UserId): UserLane {
  const stream = userStream(userId)
  // Without a line for its reads: only who is this person names it, and those who come are recorded a few at a time.
  return createLane({
    ledger: deps.ledger,
    snapshots: deps.snapshots,
    stream,
    fold: {
      stateVersion: USER_STATE_VERSION,
      initial: () => initialUser(userId),
      draft: draftUser,
      evolve: (state: UserState, event: UserEvent) => evolveUser(state, event),
    },
    snapshotEvery: SNAPSHOT_EVERY,
    prepare: async () => (command: Addressed<UserCommand>, draft: UserState) => decideUser(command, draft),
    merge: (commands) => commands.map((_, index) => [index]),
    weigh: () => COMMAND_BYTES,
    encode: (event, command, index) => encode(event, stream, command.envelope, index, deps.node),
    committed: () => {},
    report: deps.report,
  })
}
