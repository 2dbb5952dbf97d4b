/** Taking events from a stream of the client: in batches of what is there, and never one waiting behind another. */

import type { ResolvedEvent } from '@eventstore/db-client'

/** The part of Node's Readable that is used here. */
export interface Source extends AsyncIterable<ResolvedEvent> {
  read(): ResolvedEvent | null
}

/**
 * Whatever is buffered, at once, up to `max`; then what comes next. By `for await` alone: with `on('data', async …)` handlers
 * would run concurrently and the consumer's pace would not reach the server.
 */
export async function* batches(source: Source, max: number): AsyncGenerator<ResolvedEvent[]> {
  for await (const first of source) {
    const batch = [first]
    while (batch.length < max) {
      const next = source.read()
      if (next === null) break
      batch.push(next)
    }
    yield batch
  }
}
