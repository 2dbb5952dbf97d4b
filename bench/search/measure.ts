/** Measures how long searches take over HTTP, one after another, of people with few and with many conversations. */
import { forkBenchChild } from '../child-process.ts'
import type { Told } from '../crowd/process.ts'
import { createDurations, type Percentiles } from '../histogram.ts'
import type { SystemUnderTest } from '../system-under-test.ts'
import { fill } from './fill.ts'
import type { Answered, Searches } from './settings.ts'
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
  const asked = await Promise.all(
    callers.map(async ({ name, userId, scope }) => {
      const token = await system.tokenFor(userId)
      return Object.entries(KINDS).map(([kind, ask]) => ({
        name: `${kind}, ${name}`,
        searches: (count: number): Searches => ({
          url: system.url,
          token,
          scope,
          limit: PAGE,
          queries: Array.from({ length: count }, () => ask(vocabulary, random)),
        }),
      }))
    }),
  )
  const generator = forkBenchChild<Told<Answered>>('search/main.js')
  async function answersTo(searches: Searches): Promise<Answered> {
    generator.send(searches)
    const told = await generator.next()
    if (told.kind === 'failed') throw new Error(told.reason)
    failed += told.result.failed
    return told.result
  }
  let failed = 0
  const kinds: SearchKind[] = []
  try {
    // A server that has been up for a while: V8 takes many searches to compile what one runs through.
    for (const { name, searches } of asked.flat()) {
      progress(`search: warming up, ${name}`)
      await answersTo(searches(plan.searches / 2))
    }
    for (const { name, searches } of asked.flat()) {
      progress(`search: ${name}`)
      const { ms, results } = await answersTo(searches(plan.searches))
      const durations = createDurations()
      for (const each of ms) durations.record(each)
      kinds.push({ name, searchMs: durations.percentiles(), results: results / plan.searches })
    }
  } finally {
    await generator.stop()
  }
  const { indexedPerSecond, indexBytes } = filled
  return { ...plan, indexedPerSecond, indexBytesPerMessage: indexBytes / messages, kinds, failed }
}
