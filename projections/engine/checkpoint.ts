/**
 * The checkpoint of a lane: how far it has come, moved by compare-and-swap in the transaction that writes what it stands for.
 *
 * Outcomes of a move from one position to the next:
 * - stored          the rest of the transaction may follow
 * - already-stored  this very move was made before: its commit went through, and only the answer got lost
 * - replaced        another build of the read models has taken the schema's name: begin again from its checkpoints
 * - fenced          another engine owns the lanes now: this one is a zombie
 * - mismatch        the owner is this one but the position is another: somebody interfered
 * - missing         there is no such lane
 */
import type { Position } from '../../ledger/ledger.ts'
import { perSchema } from '../fold/per-schema.ts'
import type { ReadSchema } from '../schema.ts'
import { EngineStopped } from './failures.ts'
import type { Session } from './session.ts'

export type CheckpointOutcome = 'stored' | 'already-stored' | 'replaced' | 'fenced' | 'mismatch' | 'missing'

/** Who moves checkpoints: one engine run on one build of the read models. */
export interface Owner {
  readonly schema: ReadSchema
  /** UUID, new for every run. */
  readonly token: string
  readonly generation: bigint
}

export interface Move {
  readonly lane: number
  readonly from: Position
  readonly to: Position
  /** Time of the newest event up to `to`, Unix milliseconds; 0 leaves the stored one. */
  readonly at: number
  /** Events folded by this move. */
  readonly events: number
}

/** Fails (division by zero) unless it moves: statements that were sent behind it in the transaction do nothing then. */
const moveCheckpoint = perSchema((schema) => ({
  name: `${schema}: move checkpoint`,
  text: `
    WITH moved AS (
      UPDATE ${schema}.checkpoints
      SET position = $3, event_at = coalesce(nullif($4::bigint, 0), event_at), events = events + $5, updated_at = clock_timestamp()
      WHERE lane = $1 AND position = $2 AND owner = $6
      RETURNING true
    ) SELECT 1 / count(*) FROM moved`,
}))

const DIVISION_BY_ZERO = '22012'

const readCheckpoint = perSchema((schema) => ({
  name: `${schema}: read checkpoint`,
  text: `
    SELECT m.generation, c.position, c.owner FROM ${schema}.model m LEFT JOIN ${schema}.checkpoints c ON c.lane = $1`,
}))

/** A move by itself, outside of any transaction. */
export async function move(session: Session, owner: Owner, to: Move): Promise<CheckpointOutcome> {
  return (await compareAndSwap(session, owner, to)) ? 'stored' : await whyNot(session, owner, to)
}

/** Whether it moved. If not, the transaction that it was in can only be rolled back. */
export async function compareAndSwap(
  session: Session,
  owner: Owner,
  { lane, from, to, at, events }: Move,
): Promise<boolean> {
  try {
    await session.query(moveCheckpoint(owner.schema), [lane, from, to, at, events, owner.token])
    return true
  } catch (error) {
    if ((error as { code?: unknown }).code === DIVISION_BY_ZERO) return false
    throw error
  }
}

/** Why a checkpoint did not move. Asked outside of any transaction. */
export async function whyNot(
  session: Session,
  owner: Owner,
  { lane, to }: Move,
): Promise<Exclude<CheckpointOutcome, 'stored'>> {
  const { rows } = await session.query<{ generation: string; position: string | null; owner: string | null }>(
    readCheckpoint(owner.schema),
    [lane],
  )
  const [stands] = rows
  if (!stands) return 'missing'
  if (BigInt(stands.generation) !== owner.generation) return 'replaced'
  if (stands.position === null) return 'missing'
  if (stands.owner !== owner.token) return 'fenced'
  return BigInt(stands.position) === to ? 'already-stored' : 'mismatch'
}

/** The error for the outcomes after which an engine must not go on. */
export function stopFor(
  outcome: 'fenced' | 'mismatch' | 'missing',
  { schema }: Owner,
  { lane, from }: Move,
): EngineStopped {
  const what = `lane ${lane} of ${schema}.checkpoints`
  switch (outcome) {
    case 'fenced':
      return new EngineStopped(
        outcome,
        `${what} belongs to another engine by now; this one has stopped and wrote nothing more`,
      )
    case 'mismatch':
      return new EngineStopped(
        outcome,
        `${what} no longer stands at ${from}, where this engine left it; it has stopped and wrote nothing more`,
      )
    case 'missing':
      return new EngineStopped(outcome, `${what} is gone; this engine has stopped and wrote nothing more`)
    default:
      return outcome satisfies never
  }
}
