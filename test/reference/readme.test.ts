/** The three lives of a message as the README shows them, played on a real system. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join as path } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { packageRoot } from '../../runtime/package-root.ts'
import { begin, type Frame, join, textFrame } from '../support/chat.ts'
import { startSystem, tokenFor } from '../support/system.ts'

interface Step {
  readonly who: 'ada' | 'ben'
  readonly way: '→' | '←'
  /** What stands there, without what is left out (`…`). */
  readonly frame: Frame
}

const readme = readFileSync(path(packageRoot, 'README.md'), 'utf8')

const steps = [...readme.matchAll(/^(ada|ben) ([→←]) (\{.*\})/gm)].map(([, who, way, json = '']): Step => {
  const frame = JSON.parse(json.replace(/,…\}$/, '}'), (_key, value) => (value === '…' ? undefined : value))
  return { who, way, frame } as Step
})

const holds = (received: Frame, shown: Frame): boolean =>
  Object.entries(shown).every(([key, value]) => isDeepStrictEqual(received[key], value))

test('each frame of the README is answered as it stands there', async () => {
  const system = await startSystem({ workers: false })
  const url = system.urls[0] as string
  const conversationId = await begin(url, 'ada', 'direct', ['ben'])
  // Joined is who got `welcome` and `live`.
  const chats = { ada: await join(url, 'ada', { device: 'phone' }), ben: await join(url, 'ben') }
  for (const { who, way, frame } of steps) {
    if (way === '←') await chats[who].get((received) => holds(received, frame))
    else if (frame.t !== 'send') chats[who].send({ ...frame, conversationId })
    else chats[who].send(textFrame(chats[who], conversationId, frame.body.text, frame.ref))
  }
  expect(steps.filter(({ way }) => way === '←').map(({ frame }) => frame.kind ?? frame.t)).toEqual([
    'sent',
    'message',
    'delivered',
    'read',
  ])
  await Promise.all(Object.values(chats).map((chat) => chat.close()))
  await system.stop()
})

test('the program of the README sends a message, and prints what comes of it', async () => {
  const system = await startSystem({ workers: false })
  const url = system.urls[0] as string
  const conversationId = await begin(url, 'ada', 'direct', ['ben'])
  const [, program = ''] = readme.match(/```js\n([\s\S]*?)```/) ?? []
  const here = program.replace('ws://localhost:8080', url.replace('http', 'ws'))
  expect(here).not.toBe(program)
  // In the folder of the program, where its package is found.
  const args = ['--input-type=module', '--eval', here, '--', 'talk.mjs', conversationId, 'hi']
  const talk = spawn(process.execPath, args, {
    cwd: packageRoot,
    env: { ...process.env, TOKEN: await tokenFor('ada') },
  })
  let printed = ''
  talk.stdout.on('data', (data) => {
    printed += data
  })
  const ben = await join(url, 'ben')
  const message = await ben.get(({ t }) => t === 'message')
  expect(message).toMatchObject({ senderId: 'ada', body: { kind: 'text', text: 'hi' } })
  await expect.poll(() => printed, { timeout: 20_000 }).toContain('"t":"sent","ref":1')
  const ended = once(talk, 'exit')
  talk.kill()
  await ended
  await ben.close()
  await system.stop()
})
