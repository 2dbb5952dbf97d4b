import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { emptyIndex } from '../../projections/search/write-index.ts'
import {
  begin,
  type Chat,
  call,
  createCast,
  type Frame,
  join,
  messageIdOf,
  textFrame,
} from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'

let system: System
let url: string
const cast = createCast()
beforeAll(async () => {
  system = await startSystem()
  url = system.urls[0] as string
})
afterAll(() => system.stop())

/** Once the index has everything: on a busy machine that takes longer than the server waits for it. */
async function search(userId: string, q: string, more: Record<string, string> = {}): Promise<Frame> {
  let answer: Frame = {}
  const ask = async () => {
    answer = await call(url, userId, 'GET', `/v1/search?${new URLSearchParams({ q, ...more })}`)
    expect(answer.status, JSON.stringify(answer.body)).toBe(200)
    return answer.body.upToDate
  }
  await expect.poll(ask, { timeout: 20_000 }).toBe(true)
  return answer.body
}

const found = async (userId: string, q: string, more: Record<string, string> = {}): Promise<string[]> =>
  (await search(userId, q, more)).results.map((result: Frame) => result.body.text ?? result.body.caption)

const mentions = async (userId: string): Promise<string[]> =>
  (await call(url, userId, 'GET', '/v1/mentions')).body.mentions.map((message: Frame) => message.body.text)

/** Two people who have said these things to each other. */
async function talk(...texts: string[]): Promise<{ ann: Chat; bob: string; conversationId: string }> {
  const [annId, bob] = cast('ann', 'bob') as [string, string]
  const ann = await join(url, annId)
  const conversationId = await begin(url, annId, 'direct', [annId, bob])
  for (const text of texts) await ann.say(conversationId, text)
  return { ann, bob, conversationId }
}

function sendBody(chat: Chat, conversationId: string, body: object): Promise<Frame> {
  const frame = textFrame(chat, conversationId, 'x')
  const content = {
    body,
    clientAt: frame.clientAt,
    conversationId,
    deviceId: chat.deviceId,
    nonce: frame.nonce,
    senderId: chat.userId,
  }
  chat.send({ ...frame, body, messageId: messageIdOf(content) })
  return chat.get({ t: 'sent', ref: frame.ref })
}

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
    const sent = await Promise.all(
      Array.from({ length: 450 }, (_, n) =>
        ann.say(conversationId, `match ${'and more '.repeat(n % 5)}${n}`),
      ),
    )
    const seen: number[] = []
    let after: string | undefined
    let pages = 0
    do {
      const page = await search(bob, 'match', { limit: '40', ...(after ? { after } : {}) })
      seen.push(...page.results.map(({ seq }: Frame) => seq))
      after = page.next
      if (pages++ === 2) {
        await ann.say(conversationId, 'match too late')
        ann.send({ t: 'delete', ref: 'd', conversationId, messageId: sent[0]?.messageId })
        await ann.get({ t: 'deleted', messageId: sent[0]?.messageId })
      }
    } while (after && pages < 30)
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 449 }, (_, n) => n + 2))
  })

  test('is of one conversation where it is asked for', async () => {
    const { ann, bob, conversationId } = await talk('the plan stands')
    const [carl] = cast('carl') as [string]
    const other = await begin(url, ann.userId, 'direct', [ann.userId, carl])
    await ann.say(other, 'the plan falls')
    expect(await found(ann.userId, 'plan')).toHaveLength(2)
    expect(await found(ann.userId, 'plan', { conversationId })).toEqual(['the plan stands'])
    const refused = await call(url, bob, 'GET', `/v1/search?q=plan&conversationId=${other}`)
    expect(refused).toMatchObject({ status: 403, body: { code: 'not_member' } })
    const unknown = await call(
      url,
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
    const ann = await join(url, annId)
    const group = await begin(url, annId, 'group', [annId, gone])
    await ann.say(group, 'secret one')
    await call(url, annId, 'POST', `/v1/conversations/${group}/members`, { userIds: [late] })
    await ann.say(group, 'secret two')
    await call(url, annId, 'DELETE', `/v1/conversations/${group}/members/${gone}`)
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
      (await call(url, bob, 'GET', `/v1/search?${parameters}`)).body.code
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
        const { status } = await call(url, bob, 'GET', `/v1/search?q=${encodeURIComponent(q)}`)
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

describe('mentions', () => {
  test('are listed newest first, to those who were members and may read them', async () => {
    const [annId, bob, carl, late] = cast('ann', 'bob', 'carl', 'late') as [string, string, string, string]
    const ann = await join(url, annId)
    const group = await begin(url, annId, 'group', [annId, bob, carl])
    await ann.say(group, `hello @${bob}, and (@${carl}.)`)
    await ann.say(group, `nobody: mail@${bob} @${late} @nobody @${annId}`)
    await sendBody(ann, group, { kind: 'text', text: 'by name', mentions: [bob, 7, 'no id!', null] })
    const { messageId } = await ann.say(group, `@${bob} not that`)
    ann.send({ t: 'delete', ref: 1, conversationId: group, messageId })
    await ann.get({ t: 'deleted', messageId })
    await call(url, annId, 'POST', `/v1/conversations/${group}/members`, { userIds: [late] })
    await ann.say(group, `@${bob} @${late}`)
    expect(await mentions(bob)).toEqual([`@${bob} @${late}`, 'by name', `hello @${bob}, and (@${carl}.)`])
    expect(await mentions(carl)).toEqual([`hello @${bob}, and (@${carl}.)`])
    expect(await mentions(late)).toEqual([`@${bob} @${late}`])
    expect(await mentions(annId)).toEqual([])
  })

  test('come in pages', async () => {
    const { ann, bob, conversationId } = await talk()
    for (let n = 0; n < 7; n++) await ann.say(conversationId, `@${bob} ${n}`)
    const seen: string[] = []
    let after = ''
    do {
      const { body } = await call(url, bob, 'GET', `/v1/mentions?limit=3${after && `&after=${after}`}`)
      seen.push(...body.mentions.map((message: Frame) => message.body.text.slice(-1)))
      after = body.next ?? ''
    } while (after)
    expect(seen.join('')).toBe('6543210')
    expect((await call(url, bob, 'GET', '/v1/mentions?after=x')).body.code).toBe('bad_frame')
  })

  test('wait while the read models stand still, which know who is a member, and are listed once they go on', async () => {
    const [annId, bob, late] = cast('ann', 'bob', 'late') as [string, string, string]
    const ann = await join(url, annId)
    const group = await begin(url, annId, 'group', [annId, bob])
    await ann.say(group, `first @${bob}`)
    expect(await mentions(bob)).toEqual([`first @${bob}`])
    const indexed = async () =>
      (await query('SELECT seq FROM search.messages WHERE conversation_id = $1 ORDER BY seq', [group])).rows
    await expect.poll(indexed, { timeout: 20_000 }).toHaveLength(1)

    const standstill = new pg.Client({ connectionString: system.database.url })
    await standstill.connect()
    try {
      await standstill.query('BEGIN; LOCK TABLE read.checkpoints IN SHARE MODE')
      await call(url, annId, 'POST', `/v1/conversations/${group}/members`, { userIds: [late] })
      await ann.say(group, `welcome @${late}`)
      // Longer than it waits at a time.
      await sleep(1_500)
      expect(await indexed()).toHaveLength(1)
    } finally {
      await standstill.end()
    }
    await expect.poll(indexed, { timeout: 20_000 }).toHaveLength(2)
    expect(await mentions(late)).toEqual([`welcome @${late}`])
  })
})

describe('the index', () => {
  const entries = async () => {
    const { rows } = await query(
      'SELECT conversation_id, seq, position, lexemes::text FROM search.messages ORDER BY position',
      [],
    )
    return rows
  }

  test('goes on where it was after the projections were down, and made anew it is the same', async () => {
    const { ann, bob, conversationId } = await talk('before the pause')
    expect(await found(bob, 'pause')).toHaveLength(1)
    await system.stopProjections()
    await ann.say(conversationId, 'in the pause')
    const { messageId } = await ann.say(conversationId, 'the pause that never was')
    ann.send({ t: 'delete', ref: 1, conversationId, messageId })
    await ann.get({ t: 'deleted', messageId })
    await system.startProjections()
    // Until then the read models are behind, and the server says so.
    const answered = async () => (await call(url, bob, 'GET', '/v1/search?q=pause')).status
    await expect.poll(answered, { timeout: 20_000 }).toBe(200)
    expect((await found(bob, 'pause ')).sort()).toEqual(['before the pause', 'in the pause'])
    const { rows } = await query(
      'SELECT max(position)::text AS last FROM ledger.events WHERE stream LIKE $1',
      ['conversation-%'],
    )
    const indexed = async () =>
      (await query('SELECT position::text FROM search.progress', [])).rows[0]?.position
    await expect.poll(indexed, { timeout: 20_000 }).toBe(rows[0]?.last)

    const before = await entries()
    const client = new pg.Client({ connectionString: system.database.url })
    await client.connect()
    await emptyIndex(client)
    await client.end()
    await expect.poll(indexed, { timeout: 20_000 }).toBe(rows[0]?.last)
    expect(await entries()).toEqual(before)
    expect(before.length).toBeGreaterThan(0)
  })

  test('is not there where search is switched off, and both routes say so', async () => {
    const off = await startSystem({ settings: { TRIPTICK_SEARCH: 'off' }, workers: false })
    const [address] = off.urls as [string]
    try {
      for (const route of ['/v1/search?q=a', '/v1/mentions']) {
        expect(await call(address, 'ann', 'GET', route)).toMatchObject({
          status: 404,
          body: { code: 'not_found' },
        })
      }
    } finally {
      await off.stop()
    }
  })
})

async function query(text: string, values: unknown[]): Promise<{ rows: Record<string, unknown>[] }> {
  const client = new pg.Client({ connectionString: system.database.url })
  await client.connect()
  try {
    return await client.query(text, values)
  } finally {
    await client.end()
  }
}
