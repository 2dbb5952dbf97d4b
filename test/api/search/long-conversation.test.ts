/** A conversation of more stretches than a search looks into first. */
import { expect, test } from 'vitest'
import { begin, type Frame, join } from '../../support/chat.ts'
import { createSearchScene } from './kit.ts'

const { cast, search, url } = createSearchScene()

/** More than a window. */
const OLD = 60
/** Five stretches of 1,024, and some. */
const SINCE = 9
const AT_ONCE = 600

test('what was said long ago is found whole, page after page', async () => {
  const [annId, bob] = cast('ann', 'bob') as [string, string]
  const ann = await join(url(), annId)
  const conversationId = await begin(url(), annId, 'group', [annId, bob])
  const said = Array.from({ length: OLD }, (_, n) => `olden ${n}`)
  for (const text of said) await ann.say(conversationId, text)
  for (let part = 0; part < SINCE; part++) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => ann.say(conversationId, `${part} ${n}`)))
  }

  const found: string[] = []
  let after: string | undefined
  do {
    const page = await search(bob, 'olden ', { limit: '20', ...(after ? { after } : {}) })
    found.push(...page.results.map(({ body }: Frame) => body.text))
    after = page.next
  } while (after && found.length <= OLD)
  expect(found.toSorted()).toEqual(said.toSorted())
}, 60_000)
