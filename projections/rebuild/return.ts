/** Puts the read models back that were in place before the last rebuild. They catch up with what came in since. */
import { startProblem } from '../../runtime/problem.ts'
import { tryOwnership } from '../engine/ownership.ts'
import { findReadModel, READ_MODEL_VERSION } from '../schema.ts'
import { connect, holdLive, putBack } from './swap.ts'

export async function returnToPrevious(databaseUrl: string): Promise<void> {
  const lock = await tryOwnership(databaseUrl, 'rebuild')
  if (!lock) throw startProblem('a rebuild is running', 'Wait for it to end.')
  const client = await connect(databaseUrl)
  try {
    const previous = await findReadModel(client, 'read_previous')
    if (!previous) {
      throw startProblem('there are no read models from before', 'Only a rebuild leaves some behind.')
    }
    if (previous.version !== READ_MODEL_VERSION) {
      throw startProblem(
        `the read models from before are of version ${previous.version}, this program needs version ${READ_MODEL_VERSION}`,
        'Run this with the program of that version, which is the one to go back to.',
      )
    }
    await holdLive(client, () => putBack(client))
  } finally {
    await client.end()
    await lock.release()
  }
}
