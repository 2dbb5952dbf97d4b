/** A person of many conversations that go on side by side: what is said in all of them is found where it was said last. */
import { expect, test } from 'vitest'
import { begin, type Frame, join, sayAll } from '../../support/chat.ts'
import { createSearchScene } from './kit.ts'

const { cast, search, url } = createSearchScene()

/** More than the newest match in each of them fills a window. */
const CONVERSATIONS = 72
/** A window of the search. */
const WINDOW = 50

test('of a word that is said everywhere the newest come first, and every one comes once, also when one conversation has said much since', async () => {
  const [annId, bob] = cast('ann', 'bob') as [string, string]
  const ann = await join(url(), annId)
  const conversations: string[] = []
  while (conversations.length < CONVERSATIONS) {
    conversations.push(await begin(url(), annId, 'group', [annId, bob]))
  }
  const said: string[] = []
  for (let n = 0; n < CONVERSATIONS * 3; n++) {
    // Each in another order than the last time, and a third of them says something else.
    const conversationId = conversations[
      (n * 31 + Math.floor(n / CONVERSATIONS) * 7) % CONVERSATIONS
    ] as string
    const text = `${n % 3 === 2 ? 'nothing' : 'word'} ${n}${n % 10 === 0 ? ' seldom' : ''}`
    await ann.say(conversationId, text)
    if (n % 3 !== 2) said.push(text)
  }

  async function expectAll(): Promise<void> {
    const pages: string[][] = []
    let after: string | undefined
    do {
      const page = await search(bob, 'word ', { limit: `${WINDOW}`, ...(after ? { after } : {}) })
      pages.push(page.results.map(({ body }: Frame) => body.text))
      after = page.next
    } while (after && pages.length < 10)
    expect(pages[0]?.toSorted()).toEqual(said.slice(-WINDOW).toSorted())
    expect(pages.flat().toSorted()).toEqual(said.toSorted())
  }
  await expectAll()
  const { results } = await search(bob, 'seldom ', { limit: `${WINDOW}` })
  expect(results).toHaveLength(Math.ceil((CONVERSATIONS * 3) / 10))
  expect(new Set(results.map(({ body }: Frame) => body.text)).size).toBe(results.length)

  const fillers = Array.from({ length: 600 }, (_, n) => `filler ${n}`)
  await sayAll(ann, conversations[5] as string, fillers)
  await expectAll()
  expect((await search(bob, '"nothing 215"')).results).toHaveLength(1)
}, 60_000)
