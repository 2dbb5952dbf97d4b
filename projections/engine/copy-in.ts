/** Adds rows by COPY on a connection of `pg`, which knows the messages for it but has no call. Part of the pipeline, like a query. */
import pg from 'pg'

/** What the types of `pg` leave out. */
interface CopyConnection {
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

/**
 * The rows are sent behind the statement without waiting for its answer. Where it fails, as in a transaction that has failed
 * before, Postgres ignores them (protocol, "COPY Operations").
 */
class CopyIn extends pg.Query {
  constructor(text: string, lines: string, done: (error: Error | undefined) => void) {
    super(text, done)
    const { submit } = this
    const submitWithRows: typeof submit = (connection) => {
      submit.call(this, connection)
      const copying = connection as unknown as CopyConnection
      copying.sendCopyFromChunk(Buffer.from(lines))
      copying.endCopyFrom()
      return null
    }
    // Not a literal assigned to it: see `runtime/postgres-client.ts`.
    this.submit = submitWithRows
  }

  /** Postgres is ready for the rows, which are on their way. */
  handleCopyInResponse(): void {}
}

export const copyIn = (client: pg.Client, text: string, lines: string): Promise<void> =>
  new Promise((resolve, reject) => {
    client.query(new CopyIn(text, lines, (error) => (error ? reject(error) : resolve())))
  })
