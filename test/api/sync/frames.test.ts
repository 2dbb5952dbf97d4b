/** Frames that are posted: they do what they do over a socket, and whom they watch the polls of their device are told of. */
import { describe, expect, test } from 'vitest'
import { begin, join, textFrame } from '../../support/chat.ts'
import { createSyncScene, kinds } from './kit.ts'

const { people, poll, post, url } = createSyncScene()

describe('frames over HTTP', () => {
  test('do what they do over a socket, and are answered the same', async () => {
    const [ann, ben] = people('ann', 'ben') as [string, string]
    const id = await begin(url(), ann, 'direct', [ben])
    const b = await join(url(), ben)
    const send = textFrame({ userId: ann, deviceId: 'phone' }, id, 'hello', 'first')
    const answers = await post(
      ann,
      [send, { t: 'ping' }, { t: 'nonsense', ref: 2 }, { ...send, ref: 3 }],
      'phone',
    )
    expect(answers).toHaveLength(4)
    expect(answers).toContainEqual(expect.objectContaining({ t: 'sent', ref: 'first', seq: 1 }))
    expect(answers).toContainEqual(expect.objectContaining({ t: 'sent', ref: 3, seq: 1 }))
    expect(answers).toContainEqual(expect.objectContaining({ t: 'error', ref: 2, code: 'bad_frame' }))
    expect(answers).toContainEqual(expect.objectContaining({ t: 'pong' }))
    await b.get({ t: 'message', seq: 1 })
    // The other way round, on the other node.
    const { position: after } = await poll(ann, { device: 'phone' })
    b.send(textFrame(b, id, 'you too'))
    const page = await poll(ann, { device: 'phone', wait: 20, after })
    expect(kinds(page.frames)).toContain('message 2')
    const position = page.position
    const [read] = await post(
      ann,
      [
        { t: 'read', conversationId: id, upTo: 2, ref: 9 },
        { t: 'ack', position },
      ],
      'phone',
      1,
    )
    expect(read).toMatchObject({ t: 'receipt', ref: 9, kind: 'read', upTo: 2 })
    await b.get({ t: 'receipt', kind: 'read', upTo: 2 })
    // What was acknowledged does not come again.
    await expect
      .poll(async () => kinds((await poll(ann, { device: 'phone' })).frames), { timeout: 20_000 })
      .not.toContain('message 2')
    await b.close()
  })

  test('of strangers are refused, and end nobody’s socket', async () => {
    const [ann, ben, mallory] = people('ann', 'ben', 'mallory') as [string, string, string]
    const id = await begin(url(), ann, 'direct', [ben])
    const m = await join(url(), mallory)
    const answers = await post(mallory, [
      { t: 'read', conversationId: id, upTo: 1, ref: 1 },
      textFrame({ userId: mallory, deviceId: 'default' }, id, 'let me in', 2),
    ])
    expect(answers.map(({ code }) => code)).toEqual(['not_member', 'not_member'])
    expect(m.socket.readyState).toBe(1)
    await m.close()
  })
})

describe('whom a device that polls watches', () => {
  const about = (userId: string) => ({ t: 'presence', userId })

  test('it is told of, also if it said so before the first poll', async () => {
    const [ann, ben] = people('ann', 'ben') as [string, string]
    await begin(url(), ann, 'direct', [ben])
    expect(await post(ben, [{ t: 'watch', userIds: [ann] }])).toEqual([])

    let after: string | undefined
    /** Polls until there is a word of ann. */
    const wordOf = async () => {
      for (;;) {
        const page = await poll(ben, { wait: 10, ...(after === undefined ? {} : { after }) })
        after = page.position
        const word = page.frames.findLast(({ t }) => t === 'presence')
        if (word) return word
      }
    }
    expect(await wordOf()).toMatchObject({ ...about(ann), online: false })
    const a = await join(url(), ann)
    expect(await wordOf()).toMatchObject({ ...about(ann), online: true })
    await a.close()
    expect(await wordOf()).toMatchObject({ ...about(ann), online: false })
  })

  test('is the last list that it gave: nobody, if that was empty', async () => {
    const [ann, ben] = people('ann', 'ben') as [string, string]
    await begin(url(), ann, 'direct', [ben])
    await post(ben, [{ t: 'watch', userIds: [ann] }])
    await post(ben, [{ t: 'watch', userIds: [] }])
    const a = await join(url(), ann)
    const { frames } = await poll(ben, { wait: 1 })
    expect(frames.filter(({ t }) => t === 'presence')).toEqual([])
    await a.close()
  })
})
