import { expect, test } from 'vitest'
import { createHub } from '../../../api/gateway/hub.ts'
import { createPush, type PushDeps } from '../../../api/gateway/push.ts'
import type { Delivery } from '../../../api/gateway/session.ts'
import { draftConversation } from '../../../domain/conversation/state.ts'
import type { UnsealedEvent } from '../../../domain/events.ts'
import type { ConversationId, UserId } from '../../../domain/ids.ts'
import type { Position } from '../../../ledger/ledger.ts'
import type { Committed } from '../../../ledger/mailbox/contract.ts'
import type { Bus } from '../../../runtime/bus/bus.ts'
import type { SessionDirectory } from '../../../runtime/sessions/directory.ts'
import {
  ALICE,
  acknowledge,
  apply,
  at,
  BOB,
  CARL,
  CONVERSATION,
  given,
  send,
  startGroup,
  type World,
  when,
} from '../../domain/kit.ts'

type Said = {
  readonly channel: string
  readonly message: { kind: string; userIds?: string[]; pushes?: unknown[] }
}

function pushWith(
  nodesOf: SessionDirectory['nodesOf'],
  maxPayload = 1_000_000,
  reading: Pick<PushDeps, 'hidesReading' | 'beforeReading'> = {},
) {
  const said: Said[] = []
  const reported: unknown[] = []
  const bus = {
    maxPayload,
    publish: (channel: string, payload: string) => said.push({ channel, message: JSON.parse(payload) }),
  } as unknown as Bus
  const directory = { nodesOf, peers: () => ['north', 'south'] } as unknown as SessionDirectory
  const hub = createHub()
  const refreshed: ConversationId[] = []
  const refresh = async (id: ConversationId) => void refreshed.push(id)
  const push = createPush({
    hub,
    bus,
    directory,
    refresh,
    report: (error) => reported.push(error),
    ...reading,
  })
  return { push, said, reported, hub, refreshed }
}

function committed(world: World, command: Parameters<typeof when>[1]): Committed {
  const before = draftConversation(world.conversation)
  const decision = when(world, command)
  if (decision.kind !== 'accepted') throw new Error(decision.kind)
  for (const event of decision.events) apply(world, event as never)
  return {
    conversationId: CONVERSATION,
    events: decision.events as readonly UnsealedEvent[],
    revision: 20,
    position: 9n as Position,
    previousPosition: 8n as Position,
    before,
    after: world.conversation,
  } as Committed
}

test('a push goes to the nodes that hold its people, and to no other', async () => {
  const { push, said } = pushWith(async () => new Map([['south', [BOB]]]))
  push.committed(committed(given(startGroup(ALICE, BOB, CARL)), send(ALICE, 'a')))
  await push.drained()
  expect(said.map(({ channel, message }) => [channel, message.kind])).toEqual([['node.south', 'push']])
})

test('when nobody knows where people are, every node is told to look for itself', async () => {
  const { push, said, reported } = pushWith(async () => {
    throw new Error('the session store does not answer')
  })
  push.committed(committed(given(startGroup(ALICE, BOB, CARL)), send(ALICE, 'a')))
  await push.drained()
  expect(reported).toHaveLength(1)
  expect(said.map(({ channel, message }) => [channel, message.kind])).toEqual([
    ['node.north', 'resync'],
    ['node.south', 'resync'],
  ])
  for (const { message } of said) expect(message.userIds?.toSorted()).toEqual([ALICE, BOB, CARL].toSorted())
})

const crowd = Array.from({ length: 100 }, (_, n) => `person-${n}-${'x'.repeat(110)}` as UserId)

/** Of the messages to a node; each fits. */
const recipientsOf = (said: readonly Said[]) =>
  said.flatMap(({ message }) => {
    expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThanOrEqual(8000)
    return (message.pushes as { userIds: string[] }[]).flatMap(({ userIds }) => userIds)
  })

test('to too many people for one push it goes in parts, to each of them once', async () => {
  const { push, said } = pushWith(async () => new Map([['north', crowd]]), 8000)
  push.committed(committed(given(startGroup(ALICE, ...crowd)), send(ALICE, 'a')))
  await push.drained()
  expect(new Set(said.map(({ message }) => message.kind))).toEqual(new Set(['push']))
  expect(recipientsOf(said).toSorted()).toEqual(crowd.toSorted())
})

test('who types to too many people for one push makes nobody look for themselves', async () => {
  const { push, said } = pushWith(async () => new Map([['north', crowd]]), 8000)
  push.tell([{ recipients: crowd, delivery: { json: '{"t":"typing"}', typing: 'alice' } }])
  await push.drained()
  expect(new Set(said.map(({ message }) => message.kind))).toEqual(new Set(['push']))
  expect(recipientsOf(said).toSorted()).toEqual(crowd.toSorted())
})

test('what is too large for the bus rings the doorbells of those concerned, without a word of it', async () => {
  const people = crowd
  const { push, said } = pushWith(async () => new Map([['north', people]]), 8000)
  push.committed(committed(given(startGroup(ALICE, ...people)), send(ALICE, 'a'.repeat(7900))))
  await push.drained()
  expect(new Set(said.map(({ message }) => message.kind))).toEqual(new Set(['resync']))
  expect(said.flatMap(({ message }) => message.userIds ?? []).toSorted()).toEqual(people.toSorted())
  for (const { message } of said) expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThan(8000)
})

const remove = (userId: UserId) => ({ type: 'remove-member', at: at(2), by: ALICE, userId }) as const

/** As this node would hear it. */
const over = ({ said }: ReturnType<typeof pushWith>, node: string) =>
  said
    .filter(({ channel }) => channel === `node.${node}`)
    .map(({ message }) => message as unknown as Parameters<ReturnType<typeof createPush>['received']>[0])

test('the leaving is the last that the leaver hears, also from nodes that do not know of it yet', async () => {
  const people: [string, UserId[]][] = [['south', [ALICE, BOB, CARL]]]
  const north = pushWith(async () => new Map(people))
  const south = pushWith(async () => new Map())
  const heard: string[] = []
  south.hub.deliver = (userId, { json }) => heard.push(`${userId} ${JSON.parse(json).t}`)

  const world = given(startGroup(ALICE, BOB, CARL), send(BOB, 'b'))
  const stale = given(startGroup(ALICE, BOB, CARL), send(BOB, 'b'))
  north.push.committed(committed(world, remove(BOB)))
  await north.push.drained()
  for (const message of over(north, 'south')) south.push.received(message)
  expect(south.refreshed).toEqual([CONVERSATION])
  expect(heard.filter((line) => line.startsWith(BOB))).toEqual([`${BOB} member`])

  const read = committed(stale, acknowledge('read', CARL, 1))
  south.push.committed({ ...read, deliveredBefore: { ...stale.delivery, people: new Map() } })
  expect(heard.filter((line) => line.startsWith(BOB))).toEqual([`${BOB} member`])
  // Carl's own other devices are told.
  expect(heard).toContain(`${CARL} receipt`)
})

test('what another node is told is delivered there as here, positions and all', async () => {
  const people: [string, UserId[]][] = [['south', [ALICE, BOB, CARL]]]
  const north = pushWith(async () => new Map(people))
  const south = pushWith(async () => new Map())
  const here: Delivery[] = []
  const there: Delivery[] = []
  north.hub.deliver = (_, delivery) => here.push(delivery)
  south.hub.deliver = (_, delivery) => there.push(delivery)
  const world = given(startGroup(ALICE, BOB, CARL))
  north.push.committed(committed(world, send(ALICE, 'a')))
  north.push.committed(committed(world, { type: 'rename', at: at(2), by: ALICE, title: 'Tea' }))
  north.push.committed(committed(world, remove(BOB)))
  await north.push.drained()
  for (const message of over(north, 'south')) south.push.received(message)
  expect(here.map(({ place }) => place?.position)).toEqual([
    undefined,
    undefined,
    undefined,
    9n,
    9n,
    9n,
    9n,
    9n,
    9n,
  ])
  expect(there).toEqual(here)
})

const bobLeft = { delivery: { place: { membership: { userId: BOB, change: 'left' } } } }

test('every node learns who left, also one that none of the people is connected to', async () => {
  const { push, said } = pushWith(async () => new Map([['north', [ALICE]]]))
  push.committed(committed(given(startGroup(ALICE, BOB)), remove(BOB)))
  await push.drained()
  expect(said).toMatchObject([
    { channel: 'node.north', message: { kind: 'push', pushes: [{ userIds: [ALICE], ...bobLeft }] } },
    { channel: 'node.south', message: { kind: 'push', pushes: [{ userIds: [], ...bobLeft }] } },
  ])
})

test('… and also where nobody knows where people are', async () => {
  const { push, said } = pushWith(() => Promise.reject(new Error('the session store does not answer')))
  push.committed(committed(given(startGroup(ALICE, BOB)), remove(BOB)))
  await push.drained()
  const learnt = said.filter(({ message }) => message.kind === 'push')
  expect(learnt.map(({ channel }) => channel)).toEqual(['node.north', 'node.south'])
  for (const { message } of learnt) expect(message.pushes).toMatchObject([{ userIds: [], ...bobLeft }])
})

/** Carl has read; then Alice writes. What was told, to whom. */
function readThenWritten(reading: Pick<PushDeps, 'hidesReading' | 'beforeReading'>) {
  const { push, hub, reported } = pushWith(async () => new Map(), 1_000_000, reading)
  const told: string[] = []
  hub.deliver = (userId, { json }) => told.push(`${userId} ${JSON.parse(json).kind ?? JSON.parse(json).t}`)
  const world = given(startGroup(ALICE, BOB, CARL), send(BOB, 'b'))
  const read = committed(world, acknowledge('read', CARL, 1))
  push.committed({ ...read, deliveredBefore: { ...world.delivery, people: new Map() } })
  push.committed(committed(world, send(ALICE, 'a')))
  return { told, push, reported }
}

test('a reading is told once it is known again whether it may be, and what comes after it waits behind it', async () => {
  let known = false
  let learn: () => void = () => {}
  const learnt = new Promise<void>((resolve) => {
    learn = resolve
  })
  const { told, push } = readThenWritten({
    hidesReading: () => !known,
    beforeReading: () => (known ? undefined : learnt),
  })
  expect(told).toEqual([])
  known = true
  learn()
  await push.drained()
  expect(told).toContain(`${BOB} read`)
  expect(told.indexOf(`${BOB} read`)).toBeLessThan(told.indexOf(`${BOB} message`))
})

test('where it cannot be known, a reading is told to nobody else, and everything else is', async () => {
  const { told, push, reported } = readThenWritten({
    hidesReading: () => true,
    beforeReading: async () => Promise.reject(new Error('the read models are away')),
  })
  await push.drained()
  expect(reported.length).toBeGreaterThan(0)
  expect(told).not.toContain(`${BOB} read`)
  expect(told).toContain(`${CARL} read`)
  expect(told).toContain(`${BOB} message`)
})

test('what fails to be known is not told before what waits already', async () => {
  let learn: () => void = () => {}
  const wishes = [new Promise<void>((resolve) => (learn = resolve)), Promise.reject(new Error('away'))]
  const { push, hub } = pushWith(async () => new Map(), 1_000_000, {
    hidesReading: () => false,
    beforeReading: () => wishes.shift(),
  })
  const told: number[] = []
  hub.deliver = (userId, { json }) => {
    if (userId === BOB) told.push(JSON.parse(json).upTo)
  }
  const world = given(startGroup(ALICE, BOB, CARL), send(BOB, 'a'), send(BOB, 'b'))
  for (const upTo of [1, 2]) {
    const read = committed(world, acknowledge('read', CARL, upTo))
    push.committed({ ...read, deliveredBefore: { ...world.delivery, people: new Map() } })
  }
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(told).toEqual([])
  learn()
  await push.drained()
  expect(told).toEqual(told.toSorted())
  expect(told).toContain(2)
})
