/** Of one question that many ask: an answer for all who ask while it is on its way, and for a while after it has come. */

/** A failure is kept as well: what does not answer is not asked more often. */
export function keptFor<Answer>(ms: number, ask: () => Promise<Answer>): () => Promise<Answer> {
  let kept: Promise<Answer> | undefined
  const forget = () => {
    kept = undefined
  }
  const forgetLater = () => void setTimeout(forget, ms).unref()
  return () => {
    if (kept) return kept
    kept = ask()
    kept.then(forgetLater, forgetLater)
    return kept
  }
}
