/** The three lives of a message as the README shows them, played on a real system. */
import { readFileSync } from 'node:fs'
import { join as path } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { packageRoot } from '../../runtime/package-root.ts'
import { begin, type Frame, join, textFrame } from '../support/chat.ts'
import { startSystem } from '../support/system.ts'

interface Step {
  readonly who: 'ada' | 'ben'
  readonly way: '→' | '←'
  /** What stands there, without what is left out (`…`). */
  readonly frame: Frame
}

const steps = [
  ...readFileSync(path(packageRoot, 'README.md'), 'utf8').matchAll(/^(ada|ben) ([→←]) (\{.*\})/gm),
].map(([, who, way, json = '']): Step => {
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
