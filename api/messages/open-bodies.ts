/** Opens the sealed bodies of stored messages for people who may read them. A body that cannot be opened is gone, not an error. */
import type pg from 'pg'
import type { Body } from '../../domain/body.ts'
import type { MessageId } from '../../domain/ids.ts'
import type { ContentKeys } from '../../ledger/sealing/content-keys.ts'
import { CannotUnseal, unseal } from '../../ledger/sealing/seal.ts'
import type { MessageRecord } from '../../projections/queries/message.ts'
import { readableBodies } from '../../projections/queries/temporary-bodies.ts'
import { now } from './commands.ts'

export type OpenedBody =
  | { readonly body: Body }
  /** `deleted` by its sender; `expired` because it was temporary; `erased` because the bytes or their key are gone. */
  | { readonly gone: 'deleted' | 'erased' | 'expired' }

export interface OpenBodiesDeps {
  readonly pool: pg.Pool
  readonly contentKeys: ContentKeys
}

/** What is needed of a message to open its body. */
type Closed = Pick<
  MessageRecord,
  'conversationId' | 'messageId' | 'senderId' | 'body' | 'temporary' | 'expiredAt' | 'deletedAt'
>

/** In the order of the records, which may be of several conversations. */
export async function openBodies(
  { pool, contentKeys }: OpenBodiesDeps,
  records: readonly Closed[],
): Promise<readonly OpenedBody[]> {
  const beside = await readableBodies(pool, records, now())
  const sealed = records.map(({ body }) =>
    body.bytes === undefined ? beside.get(body.hash) : Buffer.from(body.bytes, 'base64'),
  )
  const keys = await contentKeys.find(records.filter((_, index) => sealed[index] !== undefined))
  return records.map((record, index) => {
    const { messageId, temporary, deletedAt } = record
    if (deletedAt !== null) return { gone: 'deleted' }
    const key = keys.of(record)
    const bytes = sealed[index]
    if (temporary && !bytes) return { gone: 'expired' }
    return key && bytes ? open(key, messageId, bytes) : { gone: 'erased' }
  })
}

/** A body whose key was destroyed, and made anew for later ones, does not open: its words are gone like the key. */
function open(key: Buffer, messageId: MessageId, sealed: Buffer): OpenedBody {
  try {
    return { body: unseal(key, messageId, sealed) }
  } catch (error) {
    if (error instanceof CannotUnseal) return { gone: 'erased' }
    throw error
  }
}
