/** A session whose pushes come late: what the ledger has told it already is told once. */
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { WebSocket } from 'ws'
import { announce } from '../../../api/gateway/announce.ts'
import { createGaps } from '../../../api/gateway/gaps.ts'
import type { Delivery } from '../../../api/gateway/session.ts'
import { SocketSession } from '../../../api/gateway/socket-session.ts'
import type { DeviceId, Millis } from '../../../domain/ids.ts'
import type { Committed } from '../../../ledger/mailbox/contract.ts'
import {
  ALICE,
  BOB,
  depsOf,
  envelope,
  idOf,
  ledger,
  newId,
  node,
  pool,
  send,
  start,
  useLedger,
} from '../../ledger/command-kit.ts'

useLedger()

interface Past {
  /** What Bob's node is to push to him, in order. */
  readonly pushes: readonly Delivery[]
  /** A session of Bob's that has seen the group begin and nothing else. */
  join(): { readonly session: SocketSession; sent(): string[] }
}

/** One, Bob becomes admin, two, one is deleted, Bob becomes a member again, three. */
async function past(): Promise<Past> {
  const committed: Committed[] = []
  const handler = node({ onCommitted: (facts) => committed.push(facts) })
  const id = newId()
  const named = (name: string) => `${name} of ${id.slice(-4)}`
  await start(handler, id, 'group')
  const [began] = committed.splice(0)
  const asked = (name: string) => ({
    at: Date.now() as Millis,
    by: ALICE,
    envelope: envelope(`${name} ${id}`),
  })
  const setRole = (role: 'admin' | 'member') =>
    handler.converse(id, { type: 'change-role', userId: BOB, role, ...asked(role) })
  await send(handler, id, named('one'))
  await setRole('admin')
  await send(handler, id, named('two'))
  await handler.converse(id, { type: 'delete', messageId: idOf(named('one')), ...asked('delete') })
  await setRole('member')
  await send(handler, id, named('three'))
  const announced = committed.flatMap((facts) => announce(facts))
  const { contentKeys } = depsOf()
  const gaps = createGaps({ ledger, pool, contentKeys, report: () => {}, holdMs: 1 })
  onTestFinished(gaps.close)
  return {
    pushes: announced.filter(({ recipients }) => recipients.includes(BOB)).map(({ delivery }) => delivery),
    join: () => {
      const frames: Record<string, unknown>[] = []
      const session = new SocketSession({
        socket: {
          OPEN: 1,
          readyState: 1,
          bufferedAmount: 0,
          send: (bytes: Buffer) => frames.push(...[JSON.parse(String(bytes))].flat()),
        } as unknown as WebSocket,
        userId: BOB,
        deviceId: 'tablet' as DeviceId,
        expiresAt: 0,
        events: {
          scheduleFlush: () => {},
          onBehind: () => {},
          onGap: gaps.noticed,
          onResync: () => {},
          onNudge: () => {},
        },
      })
      session.startCatchingUp()
      session.settle((began as Committed).position, '{"t":"live"}')
      return {
        session,
        sent: () => {
          session.flush()
          return frames.slice(1).map(({ t, seq, role }) => `${t} ${seq ?? role}`)
        },
      }
    },
  }
}

/** The last message was held, and goes out as soon as the one before it has. */
const ALL = ['message 1', 'member admin', 'message 2', 'message 3', 'deleted 1', 'member member']

test('a fact that is no message is told once, though its push comes after the ledger has told of it', async () => {
  const { pushes, join } = await past()
  const { session, sent } = join()
  session.deliver(pushes.at(-1) as Delivery)
  await vi.waitFor(() => expect(sent()).toEqual(ALL), { timeout: 20_000 })
  for (const push of pushes) session.deliver(push)
  expect(sent()).toEqual(ALL)
})

test('whichever pushes come, late or twice, each fact is told once, and messages in their order', async () => {
  const { pushes, join } = await past()
  const late = fc.shuffledSubarray([...pushes, ...pushes], { minLength: 1 })
  await fc.assert(
    fc.asyncProperty(late, fc.shuffledSubarray([...pushes]), async (before, after) => {
      const { session, sent } = join()
      for (const push of before) session.deliver(push)
      const held = () => session.isMissing((pushes[0] as Delivery).place?.conversationId as never)
      await vi.waitFor(() => expect(held()).toBe(false), { timeout: 20_000, interval: 2 })
      for (const push of after) session.deliver(push)
      await vi.waitFor(() => expect(held()).toBe(false), { timeout: 20_000, interval: 2 })
      const told = sent()
      expect(told.toSorted()).toEqual([...new Set(told)].toSorted())
      const messages = told.filter((frame) => frame.startsWith('message'))
      expect(messages).toEqual(ALL.filter((frame) => frame.startsWith('message')).slice(0, messages.length))
      for (const push of [...before, ...after]) {
        const { t, seq, role } = JSON.parse(push.json)
        expect(told).toContain(`${t} ${seq ?? role}`)
      }
    }),
    { numRuns: 60 },
  )
})
