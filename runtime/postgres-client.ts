/**
 * The connection of `pg`, but for what V8 makes of a line in its `query`: a function literal that is assigned to a property
 * (`query.callback = (error, result) => …`, for a promise or a `query_timeout`) is allocated among what is old, and whatever it leads to, the rows
 * of the answer too, outlives every collection of the young generation until the next full one. Given a callback and no `query_timeout`, `pg` assigns none.
 * Collections then copy what nobody needs (docs/performance.md, "What is kept too long").
 */
import { channel } from 'node:diagnostics_channel'
import pg from 'pg'

export interface PostgresClientConfig extends pg.ClientConfig {
  /** Longest that a query waits for its answer; then the connection is cut, and what was asked on it fails. Default: no limit. Not for what is submitted as an object (COPY). */
  readonly answerMs?: number
  /** Work that can wait, and holds no lock that a send waits for: its process in the server is told to `PATIENT_BACKENDS`. */
  readonly goesAfterOthers?: true
}

/** A channel of `node:diagnostics_channel`: of each connection that `goesAfterOthers`, once it is there, the id of its process in the server, which may be on another machine. */
export const PATIENT_BACKENDS = 'triptick:patient-backends'
const patientBackends = channel(PATIENT_BACKENDS)

/** The server said nothing in time. */
export class UnansweredError extends Error {
  override readonly name = 'UnansweredError'
  /** As of a connection that the system gave up, which it comes to. */
  readonly code = 'ETIMEDOUT'

  constructor(waitedMs: number) {
    super(`Postgres did not answer within ${waitedMs} ms`)
  }
}

type Callback = (error: Error | null, result: unknown) => void

class TimedClient extends pg.Client {
  /** Of its process in the server, once connected. `pg` sets it, and its types do not know it. */
  declare readonly processID: number
  readonly #answerMs: number | undefined

  constructor(config: PostgresClientConfig = {}) {
    super(config)
    this.#answerMs = config.answerMs
    if (config.goesAfterOthers) this.once('connect', () => patientBackends.publish(this.processID))
  }

  /** All calls that the types of `pg` know. */
  override query(query: unknown, values?: unknown, callback?: unknown): never {
    if (typeof values === 'function') return this.query(query, undefined, values)
    // What is nothing, too: `pg` refuses it.
    if (!query || isSubmittable(query))
      return super.query(query as never, values as never, callback as never) as never
    if (!callback) return this.#promised(query, values) as never
    return super.query(query as string, values as unknown[], this.#inTime(callback as Callback)) as never
  }

  #promised(query: unknown, values: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.query(query, values, (error: Error | null, result: unknown) =>
        error ? reject(error) : resolve(result),
      )
    }).catch((error: Error) => {
      // As `pg` does: who asked, and not what read the answer.
      Error.captureStackTrace(error)
      throw error
    })
  }

  #inTime(callback: Callback): Callback {
    const limit = this.#answerMs
    if (limit === undefined) return callback
    const late = setTimeout(() => this.connection.stream.destroy(new UnansweredError(limit)), limit)
    return (error, result) => {
      clearTimeout(late)
      callback(error, result)
    }
  }
}

/** Typed as what it is used as: no call differs. */
export const PostgresClient: new (config?: PostgresClientConfig) => pg.Client = TimedClient

const isSubmittable = (query: unknown): boolean =>
  typeof query === 'object' && query !== null && 'submit' in query
