/** Any life of a group, on two nodes, against a model that only counts: who hears what, who may do what, whose ticks count. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { begin, type Chat, call, createCast, type Frame, join } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'

let system: System
beforeAll(async () => {
  system = await startSystem({ apiNodes: 2, workers: false })
})
afterAll(() => system.stop())

const cast = createCast()
const COUNT = 5

interface Step {
  readonly what: 'send' | 'deliver' | 'read' | 'add' | 'remove' | 'leave' | 'promote' | 'demote'
  readonly who: number
  readonly whom: number
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom(
    'send',
    'send',
    'deliver',
    'read',
    'read',
    'add',
    'add',
    'remove',
    'leave',
    'promote',
    'demote',
  ),
  who: fc.nat(COUNT - 1),
  whom: fc.nat(COUNT - 1),
})

interface Member {
  role: 'admin' | 'member'
  joined: number
  delivered: number
  read: number
}

/** By definition, without watermark tricks. Methods answer the HTTP status or the error code that the step deserves. */
class Model {
  /** In the order of their joining. */
  readonly members = new Map<string, Member>()
  readonly senders: string[] = []
  /** What each person has been told: seqs of messages, and who came (+), went (-) or has another role (=). */
  readonly told = new Map<string, (number | string)[]>()

  constructor(people: readonly string[], starters: readonly string[]) {
    for (const person of people) this.told.set(person, [])
    for (const person of starters) this.join(person)
    const first = starters[0] as string
    ;(this.members.get(first) as Member).role = 'admin'
  }

  join(person: string): void {
    const joined = this.senders.length
    this.members.set(person, { role: 'member', joined, delivered: joined, read: joined })
  }

  tell(what: number | string, except?: string): void {
    for (const person of this.members.keys()) if (person !== except) this.told.get(person)?.push(what)
  }

  admins(): string[] {
    return [...this.members].filter(([, { role }]) => role === 'admin').map(([person]) => person)
  }

  send(who: string): string {
    if (!this.members.has(who)) return 'not_member'
    this.senders.push(who)
    this.tell(this.senders.length, who)
    return 'sent'
  }

  acknowledge(who: string, kind: 'delivered' | 'read'): string {
    const member = this.members.get(who)
    if (!member) return 'not_member'
    member.delivered = this.senders.length
    if (kind === 'read') member.read = this.senders.length
    return 'receipt'
  }

  refusal(who: string): number | undefined {
    return this.members.get(who)?.role === 'admin' ? undefined : 403
  }

  add(who: string, whom: string): number {
    const refused = this.refusal(who)
    if (refused) return refused
    if (this.members.has(whom)) return 200
    this.join(whom)
    this.tell(`+${whom}`)
    return 200
  }

  remove(who: string, whom: string): number {
    if (who === whom ? !this.members.has(who) : this.refusal(who)) return 403
    if (!this.members.has(whom)) return 204
    const heir = [...this.members.keys()].find((person) => person !== whom)
    if (heir && this.admins().join() === whom) this.setRole(heir, 'admin')
    this.tell(`-${whom}`)
    this.members.delete(whom)
    return 204
  }

  changeRole(who: string, whom: string, role: Member['role']): number {
    const refused = this.refusal(who)
    if (refused) return refused
    const member = this.members.get(whom)
    if (!member) return 404
    if (member.role === role) return 200
    if (role === 'member' && this.admins().join() === whom) return 409
    this.setRole(whom, role)
    return 200
  }

  setRole(whom: string, role: Member['role']): void {
    ;(this.members.get(whom) as Member).role = role
    this.tell(`=${whom} ${role}`)
  }

  ticks(seq: number): string {
    const sender = this.senders[seq - 1]
    const there = [...this.members].filter(([person, { joined }]) => person !== sender && joined < seq)
    if (there.length === 0 || there.some(([, { delivered }]) => delivered < seq)) return 'sent'
    return there.some(([, { read }]) => read < seq) ? 'delivered' : 'read'
  }
}

const shortOf = (frame: Frame): number | string =>
  frame.t === 'message'
    ? frame.seq
    : { added: `+${frame.userId}`, removed: `-${frame.userId}`, role: `=${frame.userId} ${frame.role}` }[
        frame.change as 'added' | 'removed' | 'role'
      ]

const urlOf = (index: number): string => system.urls[index % 2] as string

async function play(steps: readonly Step[]): Promise<void> {
  const people = cast('ann', 'bob', 'cy', 'dan', 'eve')
  const model = new Model(people, people.slice(0, 3))
  const id = await begin(urlOf(0), people[0] as string, 'group', people.slice(1, 3))
  const chats = await Promise.all(people.map((person, index) => join(urlOf(index), person)))
  const refs = new Map<Chat, number>()
  const asked = async (chat: Chat, frame: Frame): Promise<string> => {
    const ref = (refs.get(chat) ?? 0) + 1
    refs.set(chat, ref)
    chat.send({ ...frame, conversationId: id, ref })
    const answer = await chat.get((got) => got.ref === ref, 20_000)
    return answer.t === 'error' ? answer.code : answer.t
  }
  const said = (chat: Chat) =>
    chat.say(id, 'x').then(
      () => 'sent',
      (error: Error) => JSON.parse(error.message).code as string,
    )

  const mine = (frame: Frame) => frame.conversationId === id
  // What happens is told once and in order, as long as one is in it.
  const toldTo = (chat: Chat) =>
    chat.frames.filter((frame) => mine(frame) && (frame.t === 'message' || frame.t === 'member')).map(shortOf)
  const allAreTold = async () => {
    for (const [index, chat] of chats.entries()) {
      await expect
        .poll(() => toldTo(chat), { timeout: 20_000 })
        .toEqual(model.told.get(people[index] as string))
    }
  }

  for (const { what, who, whom } of steps) {
    const [by, other, chat] = [people[who] as string, people[whom] as string, chats[who] as Chat]
    const http = async (method: string, path: string, body?: object) =>
      (await call(urlOf(who), by, method, `/v1/conversations/${id}/members${path}`, body)).status
    switch (what) {
      case 'send':
        expect(await said(chat), `${by} ${what}`).toBe(model.send(by))
        break
      case 'deliver':
      case 'read': {
        if (model.senders.length === 0) break
        const t = what === 'read' ? 'read' : 'delivered'
        const answer = await asked(chat, { t, upTo: model.senders.length })
        const deserved = model.acknowledge(by, t)
        // Another node may take the word of somebody who has just left, about what they had: it changes nothing.
        if (deserved !== 'not_member' || answer !== 'receipt') expect(answer).toBe(deserved)
        break
      }
      case 'add':
        expect(await http('POST', '', { userIds: [other] })).toBe(model.add(by, other))
        break
      case 'remove':
        expect(await http('DELETE', `/${other}`)).toBe(model.remove(by, other))
        break
      case 'leave':
        expect(await http('DELETE', `/${by}`)).toBe(model.remove(by, by))
        break
      case 'promote':
      case 'demote': {
        const role = what === 'promote' ? 'admin' : 'member'
        expect(await http('PATCH', `/${other}`, { role })).toBe(model.changeRole(by, other, role))
        break
      }
      default:
        what satisfies never
    }
    // Of facts that are no messages, those of two nodes at the same moment may be told in either order (docs/guarantees.md).
    if (!['send', 'deliver', 'read'].includes(what)) await allAreTold()
  }

  await allAreTold()

  for (const [index, chat] of chats.entries()) {
    const person = people[index] as string
    // The leaving is the last; but for answers, nothing follows before the return.
    let inside = index < 3
    for (const frame of chat.frames.filter(mine)) {
      if (frame.t === 'conversation') inside = true
      if (!inside && !('ref' in frame))
        throw new Error(`${person} got ${JSON.stringify(frame)} after leaving`)
      if (frame.t === 'member' && frame.change === 'removed' && frame.userId === person) inside = false
    }
    const answer = await call(urlOf(index + 1), person, 'GET', `/v1/conversations/${id}/messages?limit=200`)
    const was = model.members.has(person) || (model.told.get(person) ?? []).includes(`-${person}`)
    expect(answer.status, person).toBe(was ? 200 : 403)
    if (!model.members.has(person)) continue
    for (const { seq, ticks } of answer.body.messages) {
      expect(ticks, `${person} ${seq}`).toBe(model.senders[seq - 1] === person ? model.ticks(seq) : undefined)
    }
  }
  await Promise.all(chats.map((chat) => chat.close()))
}

test('whoever comes, goes, writes and reads, each hears exactly what is said in their time, and ticks count those who count', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 50, size: 'max' }), play), {
    numRuns: 6,
    endOnFailure: true,
  })
}, 120_000)

test('who is removed on one node hears nothing more from another that did not carry the removal out', async () => {
  const [ann, bob, cy] = cast('ann', 'bob', 'cy') as [string, string, string]
  const id = await begin(urlOf(0), ann, 'group', [bob, cy])
  const [a, b, c] = [await join(urlOf(0), ann), await join(urlOf(1), bob), await join(urlOf(1), cy)]
  await b.say(id, 'from bob')
  await call(urlOf(0), ann, 'DELETE', `/v1/conversations/${id}/members/${bob}`)
  await b.get({ t: 'member', change: 'removed' })
  c.send({ t: 'read', ref: 'read', conversationId: id, upTo: 1 })
  await c.get({ ref: 'read' })
  // Whatever was said before the answer has come before it.
  b.send({ t: 'ping' })
  await b.get({ t: 'pong' })
  const heard = b.frames.map(({ t, change }) => change ?? t)
  expect(heard.slice(heard.indexOf('removed') + 1)).toEqual(['pong'])
  await Promise.all([a, b, c].map((chat) => chat.close()))
})
