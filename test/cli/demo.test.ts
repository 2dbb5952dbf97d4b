/** What a newcomer sees first: it must run on its own, show the truth, and leave nothing behind. */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { openDevice } from '../../cli/demo/device.ts'
import { sendAndFollow } from '../../cli/demo/message.ts'
import { createScreen, wantsColour } from '../../cli/demo/screen.ts'
import type { System } from '../../cli/system/system.ts'
import type { ConversationId } from '../../domain/ids.ts'
import { packageRoot } from '../../runtime/package-root.ts'
import { startFakeServer } from '../client/fake-server.ts'
import { buildProgram } from '../support/built-program.ts'

beforeAll(buildProgram)

const run = promisify(execFile)
const ownFolders = () => readdirSync(tmpdir()).filter((name) => name.startsWith('triptick-own-'))

test('on a machine without a Triptick it shows every tick and the events behind them, and leaves nothing behind', async () => {
  const before = ownFolders()
  const elsewhere = join(tmpdir(), 'triptick-nobody-here')
  const { stdout } = await run(process.execPath, [join(packageRoot, 'dist', 'cli', 'main.js'), 'demo'], {
    // Port 1: nobody listens there.
    env: { PATH: process.env.PATH, TRIPTICK_DATA: elsewhere, PORT: '1' },
  })
  const lines = stdout.split('\n')
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100)
  expect(stdout).not.toContain('\x1b')

  const ticks = lines.flatMap(
    (line) => /^ +(✓✓?) +(sent|delivered|read) .*ms$/.exec(line)?.slice(1, 3).join(' ') ?? [],
  )
  const direct = ['✓ sent', '✓✓ delivered', '✓✓ read']
  expect(ticks.slice(0, 6)).toEqual([...direct, ...direct])
  // In the group the tick changes with the last one of them.
  expect(ticks.slice(6)).toEqual(['✓ sent', '✓ delivered', '✓ read', '✓✓ delivered', '✓✓ read'])

  const events = lines.flatMap(
    (line) => /^ +\d+ (\w+) +\d+ (\w+) .* [0-9a-f]{8} \S.*$/.exec(line)?.slice(1, 3).join(' ') ?? [],
  )
  expect(events[0]).toBe('conversation MessageSent')
  // An attempt at the offline one comes between, unless the machine is so busy that the worker comes too late.
  const receipts = events.slice(1).filter((event) => event !== 'delivery DeliveryAttempted')
  expect(receipts.sort()).toEqual([
    'delivery MessageDelivered',
    'delivery MessageDelivered',
    'delivery MessageDelivered',
    'delivery MessageRead',
    'delivery MessageRead',
  ])
  expect(ownFolders().filter((name) => !before.includes(name))).toEqual([])
}, 60_000)

test.each(['behind', 'before'])(
  'a receipt that comes together with `sent`, %s it, is shown behind it',
  async (place) => {
    const conversationId = 'c' as ConversationId
    const server = await startFakeServer({
      onFrame: (socket, { ref, t, messageId }) => {
        if (t !== 'send') return
        const sent = { t: 'sent', ref, conversationId, messageId, seq: 1, at: 1 }
        const receipt = { t: 'receipt', conversationId, userId: 'ben', kind: 'delivered', upTo: 1, at: 1 }
        socket.send(JSON.stringify(place === 'behind' ? [sent, receipt] : [receipt, sent]))
      },
    })
    onTestFinished(() => server.stop())
    const system = { url: server.url, tokenFor: async () => 'a.b.c' } as unknown as System
    const device = await openDevice(system, { userId: 'ada', name: 'Ada' }, 'phone')
    const lines: string[] = []
    const ben = { userId: 'ben', name: 'Ben' }
    const screen = createScreen((line) => lines.push(line), false)
    const message = await sendAndFollow(screen, device, conversationId, [ben], 'hi')
    await message.until('delivered', [ben])
    expect(lines.slice(1).map((line) => line.trim().split(/ +/)[1])).toEqual(['sent', 'delivered'])
  },
)

test('colours appear only on terminals that want them', () => {
  expect(wantsColour({}, true)).toBe(true)
  expect(wantsColour({ NO_COLOR: '' }, true)).toBe(true)
  expect(wantsColour({ NO_COLOR: '0' }, true)).toBe(false)
  expect(wantsColour({ TERM: 'dumb' }, true)).toBe(false)
  expect(wantsColour({}, false)).toBe(false)
  const lines: string[] = []
  createScreen((line) => lines.push(line), true).tick('read', 'read', 'Ben', 12.34)
  createScreen((line) => lines.push(line), false).tick('read', 'read', 'Ben', 12.34)
  expect(lines[0]).toContain('\x1b[94m✓✓\x1b[39m')
  expect(lines[1]).toMatch(/^ {6}✓✓ {2}read {7}Ben +12\.3 ms$/)
})
