/** What the bench of searches and the process that searches tell each other. Types only. */

export interface Searches {
  readonly url: string
  readonly token: string
  /** More of the query string, like `&conversationId=…`. */
  readonly scope: string
  /** Results of a page. */
  readonly limit: number
  readonly queries: readonly string[]
}

export interface Answered {
  /** Of each search, in order. */
  readonly ms: readonly number[]
  /** Of all of them. */
  readonly results: number
  /** Answers that were no answer, or not up to date. */
  readonly failed: number
}
