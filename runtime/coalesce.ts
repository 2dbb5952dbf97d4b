/** Turns many small requests into few large ones, one under way at a time. Keeps their order; never runs two at once. */

export interface Coalesced<Item, Answer> {
  /** Answers with what the batch answered that this item went in. */
  add(item: Item): Promise<Answer>
  /** Items that wait or are under way. */
  readonly pending: number
  /** Resolves when nothing waits and nothing is under way. */
  idle(): Promise<void>
}

interface Batch<Item, Answer> {
  readonly items: Item[]
  readonly answer: Promise<Answer>
  readonly settle: (running: Promise<Answer>) => void
}

/**
 * What is added in one tick goes together; what is added while a batch is under way goes in the next. So the batches grow
 * with the load by themselves, and an idle caller waits for no timer.
 */
export function coalesce<Item, Answer>(
  maxItems: number,
  run: (items: readonly Item[]) => Promise<Answer>,
): Coalesced<Item, Answer> {
  const waiting: Batch<Item, Answer>[] = []
  let underWay = 0
  let draining: Promise<void> | undefined

  async function drain(): Promise<void> {
    await Promise.resolve()
    for (let batch = waiting.shift(); batch; batch = waiting.shift()) {
      underWay = batch.items.length
      const running = run(batch.items)
      batch.settle(running)
      await running.catch(() => {})
      underWay = 0
    }
    draining = undefined
  }

  return {
    add(item) {
      let last = waiting.at(-1)
      if (!last || last.items.length >= maxItems) {
        last = newBatch()
        waiting.push(last)
      }
      last.items.push(item)
      draining ??= drain()
      return last.answer
    },
    get pending() {
      return waiting.reduce((sum, batch) => sum + batch.items.length, underWay)
    },
    async idle() {
      while (draining) await draining
    },
  }
}

function newBatch<Item, Answer>(): Batch<Item, Answer> {
  let settle: (running: Promise<Answer>) => void = () => {}
  const answer = new Promise<Answer>((resolve) => {
    settle = resolve
  })
  return { items: [], answer, settle }
}
