/** What tests of wrong input have in common: a sender, an id of nothing, what no log may hold, and what the ledger has recorded. */
import pg from 'pg'
import type { Frame } from '../support/chat.ts'
import type { System } from '../support/system.ts'

export const alice = { userId: 'alice', deviceId: 'default' }
export const UNKNOWN = '0190a1b2-0000-7000-8000-00000000dead'
/** What the secret of the tokens and every token contain. */
export const SECRETS = ['thirty-two bytes', 'eyJ']

/** Coming, going and being seen is recorded too, of whoever sends whatever. */
const OF_CONVERSATIONS = `stream NOT LIKE 'user-%'`

/** Looks at the system with each question: a file's system is started after its tests were read. */
export function recordedIn(system: () => System) {
  async function query(text: string): Promise<Frame[]> {
    const client = new pg.Client({ connectionString: system().database.url })
    await client.connect()
    const { rows } = await client.query(text)
    await client.end()
    return rows
  }

  return {
    events: async () =>
      Number(
        (await query(`SELECT max(position) AS last FROM ledger.events WHERE ${OF_CONVERSATIONS}`))[0]?.last,
      ),
    eventsAfter: (position: number) =>
      query(`SELECT type, metadata FROM ledger.events WHERE position > ${position} AND ${OF_CONVERSATIONS}`),
  }
}
