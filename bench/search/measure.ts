/** Measures how long searches take over HTTP, one after another, of people with few and with many conversations. */
import { createDurations, type Percentiles } from '../histogram.ts'
import type { SystemUnderTest } from '../system-under-test.ts'
import { fill } from './fill.ts'
import { createSearcher } from './searcher.ts'
import { createVocabulary, seededRandom, type Vocabulary } from './vocabulary.ts'

export interface SearchPlan {
  readonly messages: number
  /** Of each kind. */
  readonly searches: number
}

export interface SearchKind {
  readonly name: string
  readonly searchMs: Percentiles
  /** Results of a search, on average; a page has at most 20. */
  readonly results: number
}

export interface SearchReport extends SearchPlan {
  readonly indexedPerSecond: number
  readonly indexBytesPerMessage: number
  readonly kinds: readonly SearchKind[]
  /** Answers that were no answer. */
  readonly failed: number
}

type Ask = (vocabulary: Vocabulary, random: () => number) => string

const between = (random: () => number, low: number, high: number): number =>
  low + Math.floor(random() * (high - low))

/** By rank: the 10 most frequent words are in every third message or more, the 10,000th in one of 20,000. */
const KINDS: Readonly<Record<string, Ask>> = {
  'a frequent word': (words, random) => `${words.word(between(random, 0, 10))} `,
  'a usual word': (words, random) => `${words.word(between(random, 100, 1_000))} `,
  'a rare word': (words, random) => `${words.word(between(random, 10_000, 30_000))} `,
  'two words': (words, random) =>
    `${words.word(between(random, 0, 50))} ${words.word(between(random, 100, 1_000))} `,
  'a phrase of frequent words': (words, random) =>
    `"${words.word(between(random, 0, 20))} ${words.word(between(random, 0, 20))}"`,
  'the beginning of a word': (words, random) => words.word(between(random, 300, 10_000)).slice(0, 4),
  'a word that nobody said': (_words, random) => `nobody${between(random, 0, 1_000)} `,
}

const PAGE = 20

export async function measureSearch(
  plan: SearchPlan,
  system: SystemUnderTest,
  progress: (text: string) => void,
): Promise<SearchReport> {
  const { databaseUrl, masterKey } = system
  const random = seededRandom(1)
  const vocabulary = createVocabulary(random)
  const { messages } = plan
  const filled = await fill({ databaseUrl, masterKey, messages, vocabulary, random, progress })
  const callers = [
    { name: 'few conversations', userId: filled.somebody, scope: '' },
    { name: `${filled.conversationsOfBusiest} conversations`, userId: filled.busiest, scope: '' },
    { name: `${Math.ceil(messages / 1000)} conversations`, userId: filled.hub, scope: '' },
    { name: 'within a large group', userId: filled.hub, scope: `&conversationId=${filled.crowd}` },
  ]
  let failed = 0
  /** How many it found. */
  const count = (text: string): number => {
    const answer = JSON.parse(text) as { results?: unknown[]; upToDate?: boolean }
    if (!answer.results || !answer.upToDate) failed++
    return answer.results?.length ?? 0
  }
  const searchers = await Promise.all(
    callers.map(async ({ name, userId, scope }) => ({
      name,
      ...createSearcher(system.url, await system.tokenFor(userId), PAGE, scope),
    })),
  )
  const asked = searchers.flatMap(({ name, search }) =>
    Object.entries(KINDS).map(([kind, ask]) => ({ name: `${kind}, ${name}`, ask, search })),
  )
  const kinds: SearchKind[] = []
  try {
    // A server that has been up for a while: V8 takes many searches to compile what one runs through.
    for (const { name, ask, search } of asked) {
      progress(`search: warming up, ${name}`)
      for (let n = 0; n < plan.searches / 2; n++) count(await search(ask(vocabulary, random)))
    }
    for (const { name, ask, search } of asked) {
      progress(`search: ${name}`)
      const durations = createDurations()
      let results = 0
      for (let n = 0; n < plan.searches; n++) {
        const q = ask(vocabulary, random)
        const began = performance.now()
        const answer = await search(q)
        durations.record(performance.now() - began)
        results += count(answer)
      }
      kinds.push({ name, searchMs: durations.percentiles(), results: results / plan.searches })
    }
  } finally {
    for (const { close } of searchers) close()
  }
  const { indexedPerSecond, indexBytes } = filled
  return { ...plan, indexedPerSecond, indexBytesPerMessage: indexBytes / messages, kinds, failed }
}
