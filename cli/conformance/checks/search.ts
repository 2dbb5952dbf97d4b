/** Full-text search and mentions, over the caller's own conversations. */
import assert from 'node:assert/strict'
import { type Area, check } from '../check.ts'
import { composeMessage, type Frame, textBody } from '../message.ts'
import type { Person, Stage } from '../stage.ts'
import { expectProblem } from './expect.ts'

/** The seqs that a search finds, as soon as it finds any number of them that is wanted. */
const found = (stage: Stage, person: Person, query: string, wanted: number): Promise<Frame[]> =>
  stage.until(`${wanted} found for ${query}`, async () => {
    const { status, body } = await person.call('GET', `/v1/search?${query}`)
    assert.ok(status === 200 || status === 503, JSON.stringify(body))
    return body.results?.length === wanted && (body.results as Frame[])
  })

export const search: Area = {
  area: 'search',
  checks: [
    check(
      'words are found whatever their case and accents, in any language, with where they stand',
      async (stage) => {
        const [ann, ben] = await stage.people('ann', 'ben')
        const id = await stage.direct(ann, ben)
        const device = await ann.connect()
        for (const text of ['Viele Grüße aus Köln', 'nothing here', '今日は良い天気'])
          await device.say(id, text)
        const [german] = await found(stage, ben, 'q=GRUSSE', 1)
        assert.equal(german?.seq, 1)
        assert.equal(german.conversationId, id)
        const [[from, to]] = german.matches
        assert.equal(german.snippet.slice(from, to), 'Grüße')
        const [japanese] = await found(stage, ben, `q=${encodeURIComponent('天気')}`, 1)
        assert.equal(japanese?.seq, 3)
      },
    ),
    check('all words must be there; phrases and exclusions are understood', async (stage) => {
      const [ann, ben] = await stage.people('ann', 'ben')
      const id = await stage.direct(ann, ben)
      const device = await ann.connect()
      for (const text of ['red apple pie', 'apple red wine', 'green apple']) await device.say(id, text)
      const seqs = async (q: string, wanted: number) =>
        (await found(stage, ann, `q=${encodeURIComponent(q)}`, wanted)).map(({ seq }) => seq).sort()
      assert.deepEqual(await seqs('apple', 3), [1, 2, 3])
      assert.deepEqual(await seqs('apple red', 2), [1, 2])
      assert.deepEqual(await seqs('"red apple"', 1), [1])
      assert.deepEqual(await seqs('apple -red', 1), [3])
    }),
    check('others’ conversations are not searched', async (stage) => {
      const [ann, ben, eve] = await stage.people('ann', 'ben', 'eve')
      const [theirs, hers] = [await stage.direct(ann, ben), await stage.direct(ann, eve)]
      const device = await ann.connect()
      await device.say(theirs, 'the zanzibar secret')
      await device.say(hers, 'zanzibar for everybody')
      await found(stage, ann, 'q=zanzibar', 2)
      const [only] = await found(stage, eve, 'q=zanzibar', 1)
      assert.equal(only?.conversationId, hers)
      expectProblem(
        await eve.call('GET', `/v1/search?q=zanzibar&conversationId=${theirs}`),
        403,
        'not_member',
      )
    }),
    check('one conversation can be searched alone', async (stage) => {
      const [ann, ben, cleo] = await stage.people('ann', 'ben', 'cleo')
      const ids = [await stage.direct(ann, ben), await stage.direct(ann, cleo)]
      const device = await ann.connect()
      for (const id of ids) await device.say(id, 'marzipan')
      await found(stage, ann, 'q=marzipan', 2)
      const [only] = await found(stage, ann, `q=marzipan&conversationId=${ids[1]}`, 1)
      assert.equal(only?.conversationId, ids[1])
    }),
    check('deleted and sealed messages are not found', async (stage) => {
      const [ann, ben] = await stage.people('ann', 'ben')
      const id = await stage.direct(ann, ben)
      const device = await ann.connect()
      const slip = await device.say(id, 'quince slip')
      const sealed = { kind: 'sealed', suite: 'x', data: Buffer.from('quince').toString('base64') }
      await device.ask({ t: 'send', ...composeMessage(device, id, sealed) })
      await device.say(id, 'quince stays')
      await found(stage, ben, 'q=quince', 2)
      await device.ask({ t: 'delete', conversationId: id, messageId: slip.messageId })
      const [only] = await found(stage, ben, 'q=quince', 1)
      assert.equal(only?.seq, 3)
    }),
    check('who is mentioned finds it, and nobody else', async (stage) => {
      const [ann, ben, cleo] = await stage.people('ann', 'ben', 'cleo')
      const id = await stage.group(ann, [ben, cleo])
      const device = await ann.connect()
      await device.say(id, `hello @${ben.userId}!`)
      await device.ask({
        t: 'send',
        ...composeMessage(device, id, { ...textBody('and you'), mentions: [ben.userId] }),
      })
      const mentions = await stage.until('ben’s mentions', async () => {
        const { body } = await ben.call('GET', '/v1/mentions')
        return body.mentions?.length === 2 && (body.mentions as Frame[])
      })
      assert.deepEqual(
        mentions.map(({ seq }) => seq),
        [2, 1],
      )
      assert.deepEqual((await cleo.call('GET', '/v1/mentions')).body.mentions, [])
    }),
    check('a search for nothing is a `bad_frame`', async ({ people }) => {
      const [ann] = await people('ann')
      expectProblem(await ann.call('GET', '/v1/search'), 400, 'bad_frame')
    }),
  ],
}
