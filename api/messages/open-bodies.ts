/** Opens the sealed bodies of stored messages for people who may read them. A body that cannot be opened is gone, not an error. */
import type { Body } from '../../domain/body.ts'
import type { MessageId } from '../../domain/ids.ts'
import type { ContentKeys } from '../../ledger/sealing/content-keys.ts'
import { CannotUnseal, unseal } from '../../ledger/sealing/seal.ts'
import type { MessageRecord } from '../../projections/queries/message.ts'

export type OpenedBody =
  | { readonly body: Body }
  /** `deleted` by its sender; `erased` because the bytes or their key are gone. */
  | { readonly gone: 'deleted' | 'erased' }

/** What is needed of a message to open its body. */
type Closed = Pick<MessageRecord, 'conversationId' | 'messageId' | 'senderId' | 'body' | 'deletedAt'>

/** In the order of the records, which may be of several conversations. */
export async function openBodies(
  keys: ContentKeys,
  records: readonly Closed[],
): Promise<readonly OpenedBody[]> {
  const found = await keys.find(records.filter(({ body }) => body.bytes !== undefined))
  return records.map((record) => {
    const { messageId, body, deletedAt } = record
    if (deletedAt !== null) return { gone: 'deleted' }
    const key = found.of(record)
    if (!key || body.bytes === undefined) return { gone: 'erased' }
    return open(key, messageId, body.bytes)
  })
}

/** A body whose key was destroyed, and made anew for later ones, does not open: its words are gone like the key. */
function open(key: Buffer, messageId: MessageId, bytes: string): OpenedBody {
  try {
    return { body: unseal(key, messageId, Buffer.from(bytes, 'base64')) }
  } catch (error) {
    if (error instanceof CannotUnseal) return { gone: 'erased' }
    throw error
  }
}
