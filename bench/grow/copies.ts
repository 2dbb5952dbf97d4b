/** Multiplies circle 1 of a past: its rows in every table, with the ids of another circle and at later positions. */
import pg from 'pg'

const TABLES = [
  'ledger.events',
  'ledger.content_keys',
  'read.conversations',
  'read.members',
  'read.device_watermarks',
  'read.messages',
  'read.receipts',
] as const

/** With what the conversations of circle 1 begin; those of a copy with something random, all over the indexes. */
export const TO_BE_COPIED = '00000001-'

interface Column {
  readonly name: string
  readonly type: string
}

/** No projections may run meanwhile: they would fold what is copied once more. @param events of one circle. */
export async function copyCircles(databaseUrl: string, events: number, circles: number): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query('SET synchronous_commit = off')
    const { rows } = await client.query<{ id: string }>(
      'SELECT conversation_id AS id FROM read.conversations WHERE starts_with(conversation_id::text, $1)',
      [TO_BE_COPIED],
    )
    const conversations = rows.map(({ id }) => id)
    const statements: pg.QueryConfig[] = []
    for (const table of TABLES) {
      const text = copyOf(table, await columnsOf(client, table), events)
      statements.push({
        name: `copy ${table}`,
        text,
        values: table === 'ledger.events' ? [] : [conversations],
      })
    }
    for (let circle = 2; circle < circles; circle++) {
      await client.query('BEGIN')
      for (const { values = [], ...statement } of statements)
        await client.query({ ...statement, values: [circle, ...values] })
      const head = (circle + 1) * events
      await client.query('UPDATE ledger.head SET position = $1', [head])
      await client.query('UPDATE read.checkpoints SET position = $1', [head])
      await client.query('COMMIT')
    }
  } finally {
    await client.end()
  }
}

async function columnsOf(client: pg.Client, table: string): Promise<readonly Column[]> {
  const { rows } = await client.query<Column>(
    `SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [table],
  )
  return rows
}

/** $1: the circle; $2: the conversations of circle 1, where a row does not tell by its position. */
function copyOf(table: (typeof TABLES)[number], columns: readonly Column[], events: number): string {
  const circleOne =
    table === 'ledger.events'
      ? `position > ${events} AND position <= ${2 * events} ORDER BY position`
      : 'conversation_id = ANY ($2::uuid[])'
  return `INSERT INTO ${table} (${columns.map(({ name }) => name)})
    SELECT ${columns.map((column) => copied(column, events))} FROM ${table} WHERE ${circleOne}`
}

function copied({ name, type }: Column, events: number): string {
  if (name === 'id') return 'gen_random_uuid()'
  // Circle 0 comes first, so that circle 1 begins behind as many events as circle k has before it, times k.
  if (name.endsWith('position')) return `${name} + ($1::bigint - 1) * ${events}`
  if (!['uuid', 'text', 'json'].includes(type)) return name
  const conversation = `replace(${name}::text, '${TO_BE_COPIED}', left(md5($1::text), 8) || '-')`
  return `replace(${conversation}, 'c1.', 'c' || $1::text || '.')::${type}`
}
