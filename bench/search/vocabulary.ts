/** Made-up chat: words whose frequencies fall as those of real languages do (Zipf). The same every time. */

export interface Vocabulary {
  /** The n-th most frequent word. */
  word(rank: number): string
  /** A text of 3 to 20 words. */
  text(): string
}

const WORDS = 30_000
const SYLLABLES = 'ka lo mi ne ru ta vi so pe du ha li gon ber stu'.split(' ')

export function createVocabulary(random: () => number): Vocabulary {
  const words = Array.from({ length: WORDS }, (_, rank) => wordOf(rank))
  const cumulative: number[] = []
  let sum = 0
  for (let rank = 0; rank < WORDS; rank++) {
    sum += 1 / (rank + 2)
    cumulative.push(sum)
  }

  function draw(): string {
    const place = random() * sum
    let [low, high] = [0, WORDS - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((cumulative[middle] ?? 0) < place) low = middle + 1
      else high = middle
    }
    return words[low] ?? ''
  }

  return {
    word: (rank) => words[rank] ?? '',
    text: () => Array.from({ length: 3 + Math.floor(random() ** 2 * 18) }, draw).join(' '),
  }
}

/** Frequent words are short, as everywhere: the rank, written in syllables. */
function wordOf(rank: number): string {
  let word = ''
  for (let rest = rank + 1; rest > 0; rest = Math.floor((rest - 1) / SYLLABLES.length)) {
    word += SYLLABLES[(rest - 1) % SYLLABLES.length]
  }
  return word
}

/** Numbers from 0 to 1 that are the same every time (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
