/** An event that decodes but contradicts what the read models know. The message names no content. */
export class UnapplicableEvent extends Error {
  override readonly name = 'UnapplicableEvent'
}
