import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { begin, call, type Frame, join, sayAll } from '../../support/chat.ts'
import { createSearchScene, sendBody } from './kit.ts'

const { cast, found, query, search, talk, url } = createSearchScene()

describe('a search', () => {
  test('finds what was sent just now, the whole message with its matches marked', async () => {
    const { bob, conversationId } = await talk('nothing of the kind', 'I left the keys on the kitchen table')
    const { results } = await search(bob, 'keys kitchen')
    expect(results).toHaveLength(1)
    const [{ seq, snippet, matches, body, senderId }] = results
    expect({ conversationId: results[0].conversationId, seq, snippet, body }).toEqual({
      conversationId,
      seq: 2,
      snippet: body.text,
      body: { kind: 'text', text: 'I left the keys on the kitchen table' },
    })
    expect(matches.map(([start, end]: [number, number]) => snippet.slice(start, end))).toEqual([
      'keys',
      'kitchen',
    ])
    expect(senderId).not.toBe(bob)
  })

  test('understands phrases, words to leave out, and the beginning of the last word', async () => {
    const { bob } = await talk('red apple pie', 'apple red cake', 'a pie of apples', 'pineapple')
    expect(await found(bob, '"red apple"')).toEqual(['red apple pie'])
    expect(await found(bob, '-cake app')).toHaveLength(2)
    expect(await found(bob, 'apple -cake')).toEqual(['red apple pie'])
    expect(await found(bob, 'apple pie -"red apple"')).toEqual([])
    expect(await found(bob, 'pie app')).toHaveLength(2)
    expect(await found(bob, 'appl pie')).toEqual([])
    expect(await found(bob, 'apple ')).toHaveLength(2)
    expect(await found(bob, 'pineap')).toEqual(['pineapple'])
    expect(await found(bob, 'pinea')).toEqual(['pineapple'])
  })

  test('finds a word twice in a row as a phrase, and leaves it out as one', async () => {
    const { bob } = await talk('ha ha ha', 'ha so ha', '哈哈', '哈 then 哈')
    expect(await found(bob, '"ha ha"')).toEqual(['ha ha ha'])
    expect(await found(bob, 'ha -"ha ha"')).toEqual(['ha so ha'])
    expect(await found(bob, '哈哈')).toEqual(['哈哈'])
    expect(await found(bob, '"哈哈"')).toEqual(['哈哈'])
    expect(await found(bob, '"哈哈哈"')).toEqual([])
  })

  test.each([
    ['Schöne Grüße aus der Straße', ['gruße', 'GRÜSSE', 'strasse', 'schone']],
    ['Un été à la crème', ['ete', 'CRÈME', 'cre\u0300me']],
    ['Всё хорошо, поехали', ['все', 'ПОЕХАЛИ']],
    ['السَّلامُ عليكم', ['السلام', 'عليكم']],
    ['明日は東京タワーに行きます', ['東京', '京タ', '東京 行きます', 'ﾀﾜｰ']],
    ['我們明天去北京', ['北京', '明天', '我']],
    ['พรุ่งนี้ไปกรุงเทพ', ['กรุงเทพ']],
    ['내일 서울에 가요', ['서울에', '서울']],
    ['मैं कल दिल्ली जाऊँगा', ['दिल्ली']],
    ['Ας πάμε στην ΟΔΟΣ', ['οδός', 'παμε']],
    ['we won 🎉🎉 👩‍👩‍👧', ['🎉', '👩‍👩‍👧']],
  ])('works in the language of %s', async (text, queries) => {
    const { bob } = await talk(text, 'something else entirely')
    for (const q of queries) expect(await found(bob, q), q).toEqual([text])
  })

  test('puts the better match first, and of equal ones the newer', async () => {
    const { bob } = await talk(
      'wine',
      'we could bring some wine and then perhaps cheese, olives, bread, a cake and whatever else there is',
      'wine',
      'winery',
    )
    const { results } = await search(bob, 'wine')
    expect(results.map(({ seq }: Frame) => seq)).toEqual([3, 1, 2, 4])
  })

  test('gives every match once over its pages, whatever is sent and deleted meanwhile', async () => {
    const { ann, bob, conversationId } = await talk()
    const texts = Array.from({ length: 450 }, (_, n) => `match ${'and more '.repeat(n % 5)}${n}`)
    const sent = await sayAll(ann, conversationId, texts)
    const seen: number[] = []
    let after: string | undefined
    let pages = 0
    do {
      const page = await search(bob, 'match', { limit: '40', ...(after ? { after } : {}) })
      seen.push(...page.results.map(({ seq }: Frame) => seq))
      after = page.next
      pages++
      // Also while the newest matches are still being shown: these must not push out any of them.
      for (let n = 0; pages === 1 && n < 5; n++) await ann.say(conversationId, 'match too late')
      if (pages === 3) {
        await ann.say(conversationId, 'match too late as well')
        ann.send({ t: 'delete', ref: 'd', conversationId, messageId: sent[0]?.messageId })
        await ann.get({ t: 'deleted', messageId: sent[0]?.messageId })
      }
    } while (after && pages < 30)
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 449 }, (_, n) => n + 2))
  })

  test('is of one conversation where it is asked for', async () => {
    const { ann, bob, conversationId } = await talk('the plan stands')
    const [carl] = cast('carl') as [string]
    const other = await begin(url(), ann.userId, 'direct', [ann.userId, carl])
    await ann.say(other, 'the plan falls')
    expect(await found(ann.userId, 'plan')).toHaveLength(2)
    expect(await found(ann.userId, 'plan', { conversationId })).toEqual(['the plan stands'])
    const refused = await call(url(), bob, 'GET', `/v1/search?q=plan&conversationId=${other}`)
    expect(refused).toMatchObject({ status: 403, body: { code: 'not_member' } })
    const unknown = await call(
      url(),
      bob,
      'GET',
      '/v1/search?q=plan&conversationId=00000000-0000-4000-8000-000000000000',
    )
    expect(unknown).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })

  test('shows nobody what they may not read: not strangers, not who came later, not who has left', async () => {
    const [annId, late, gone, stranger] = cast('ann', 'late', 'gone', 'stranger') as [
      string,
      string,
      string,
      string,
    ]
    const ann = await join(url(), annId)
    const group = await begin(url(), annId, 'group', [annId, gone])
    await ann.say(group, 'secret one')
    await call(url(), annId, 'POST', `/v1/conversations/${group}/members`, { userIds: [late] })
    await ann.say(group, 'secret two')
    await call(url(), annId, 'DELETE', `/v1/conversations/${group}/members/${gone}`)
    await ann.say(group, 'secret three')
    expect((await found(annId, 'secret')).sort()).toEqual(['secret one', 'secret three', 'secret two'])
    expect((await found(late, 'secret')).sort()).toEqual(['secret three', 'secret two'])
    expect((await found(gone, 'secret')).sort()).toEqual(['secret one', 'secret two'])
    expect(await found(stranger, 'secret')).toEqual([])
  })

  test('finds captions and names of media, nothing deleted, and nothing in bodies that are sealed', async () => {
    const { ann, bob, conversationId } = await talk()
    const media = { kind: 'media', mediaId: 'm1', name: 'IMG_1234.jpg', mime: 'image/jpeg', size: 10 }
    await sendBody(ann, conversationId, { ...media, caption: 'sunset by the harbour' })
    await sendBody(ann, conversationId, { kind: 'sealed', suite: 'harbour', data: 'aGFyYm91cg==' })
    const { messageId } = await ann.say(conversationId, 'harbour regrets')
    ann.send({ t: 'delete', ref: 1, conversationId, messageId })
    await ann.get({ t: 'deleted', messageId })
    expect(await found(bob, 'harbour')).toEqual(['sunset by the harbour'])
    expect(await found(bob, 'img_1234')).toEqual(['sunset by the harbour'])
    await expect
      .poll(async () => {
        const { rows } = await query('SELECT seq FROM search.messages WHERE conversation_id = $1', [
          conversationId,
        ])
        return rows.map(({ seq }) => seq)
      })
      .toEqual([1])
  })

  test('takes anything that people type, and answers it or says what is wrong', async () => {
    const { bob } = await talk("it's a 100% test: foo|bar & baz!")
    expect(await found(bob, "it's")).toHaveLength(1)
    expect(await found(bob, 'foo|bar')).toHaveLength(1)
    for (const q of [
      '!',
      "'",
      '"',
      '-',
      '--',
      ':*',
      '&|!()<->',
      '\\',
      "');--",
      '-foo',
      '\0',
      '%',
      '👍',
      '"" -""',
    ]) {
      expect(await found(bob, q), q).toEqual([])
    }
    const code = async (parameters: string) =>
      (await call(url(), bob, 'GET', `/v1/search?${parameters}`)).body.code
    expect(await code('')).toBe('bad_frame')
    expect(await code('q=')).toBe('bad_frame')
    expect(await code('q=%20%20')).toBe('bad_frame')
    expect(await code(`q=${'x'.repeat(257)}`)).toBe('bad_frame')
    expect(await code(`q=${'a+'.repeat(100)}`)).toBe('too_large')
    expect(await code('q=a&limit=0')).toBe('bad_frame')
    expect(await code('q=a&conversationId=x')).toBe('bad_frame')
    for (const after of ['x', '%00', 'e30', Buffer.from('{"below":"-1","now":1}').toString('base64url')]) {
      expect(await code(`q=a&after=${after}`)).toBe('bad_frame')
    }
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), async (q) => {
        const { status } = await call(url(), bob, 'GET', `/v1/search?q=${encodeURIComponent(q)}`)
        expect([200, 400, 413]).toContain(status)
      }),
      { numRuns: 50 },
    )
  })

  test('finds of any messages those that have all the words', async () => {
    const vocabulary = ['tea', 'milk', 'sugar', 'cup', 'Löffel', 'ложка']
    const texts = fc.sample(
      fc
        .array(fc.constantFrom(...vocabulary), { minLength: 1, maxLength: 5 })
        .map((words) => words.join(' ')),
      { numRuns: 60, seed: 7 },
    )
    const { bob } = await talk(...texts)
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.constantFrom(...vocabulary), { minLength: 1, maxLength: 3 }),
        async (words) => {
          const expected = texts.filter((text) => words.every((word) => text.split(' ').includes(word)))
          const { results } = await search(bob, `${words.join(' ')} `, { limit: '200' })
          expect(results.map(({ body }: Frame) => body.text).sort()).toEqual(expected.sort())
        },
      ),
      { numRuns: 25 },
    )
  })

  test('reveals no word to who reads the tables', async () => {
    const { bob } = await talk('zanzibarian marmalade')
    expect(await found(bob, 'marmalade')).toHaveLength(1)
    const { rows } = await query('SELECT lexemes::text FROM search.messages', [])
    expect(rows.length).toBeGreaterThan(0)
    expect(JSON.stringify(rows)).not.toMatch(/zanz|marm/)
  })
})
