/**
 * Others wrote into a stream first for as long as a command waits: nothing of it was written, and it may come again. No fault of anything: it is
 * what happens where several nodes write into one conversation, and after a standstill, in which three tries fill the time.
 */
export class StillInConflict extends Error {
  override readonly name = 'StillInConflict'

  constructor(conflicts: number) {
    super(`${conflicts} conflicts in a row`)
  }
}

export const isOfConflicts = (error: unknown): boolean => error instanceof StillInConflict
