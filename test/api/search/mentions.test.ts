import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { begin, call, type Frame, join } from '../../support/chat.ts'
import { createSearchScene, sendBody } from './kit.ts'

const { cast, mentions, mentionsPage, query, system, talk, url } = createSearchScene()

describe('mentions', () => {
  test('are listed newest first, to those who were members and may read them', async () => {
    const [annId, bob, carl, late] = cast('ann', 'bob', 'carl', 'late') as [string, string, string, string]
    const ann = await join(url(), annId)
    const group = await begin(url(), annId, 'group', [annId, bob, carl])
    await ann.say(group, `hello @${bob}, and (@${carl}.)`)
    await ann.say(group, `nobody: mail@${bob} @${late} @nobody @${annId}`)
    await sendBody(ann, group, { kind: 'text', text: 'by name', mentions: [bob, 7, 'no id!', null] })
    const { messageId } = await ann.say(group, `@${bob} not that`)
    ann.send({ t: 'delete', ref: 1, conversationId: group, messageId })
    await ann.get({ t: 'deleted', messageId })
    await call(url(), annId, 'POST', `/v1/conversations/${group}/members`, { userIds: [late] })
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
    let after: string | undefined
    do {
      const page = await mentionsPage(bob, { limit: '3', ...(after ? { after } : {}) })
      seen.push(...page.mentions.map((message: Frame) => message.body.text.slice(-1)))
      after = page.next
    } while (after)
    expect(seen.join('')).toBe('6543210')
    expect((await call(url(), bob, 'GET', '/v1/mentions?after=x')).body.code).toBe('bad_frame')
  })

  test('wait while the read models stand still, which know who is a member, and are listed once they go on', async () => {
    const [annId, bob, late] = cast('ann', 'bob', 'late') as [string, string, string]
    const ann = await join(url(), annId)
    const group = await begin(url(), annId, 'group', [annId, bob])
    await ann.say(group, `first @${bob}`)
    expect(await mentions(bob)).toEqual([`first @${bob}`])
    const indexed = async () =>
      (await query('SELECT seq FROM search.messages WHERE conversation_id = $1 ORDER BY seq', [group])).rows
    await expect.poll(indexed, { timeout: 20_000 }).toHaveLength(1)

    const standstill = new pg.Client({ connectionString: system().database.url })
    await standstill.connect()
    try {
      await standstill.query('BEGIN; LOCK TABLE read.checkpoints IN SHARE MODE')
      await call(url(), annId, 'POST', `/v1/conversations/${group}/members`, { userIds: [late] })
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
