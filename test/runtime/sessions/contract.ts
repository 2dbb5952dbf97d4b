/** The contract suite of `runtime/sessions/directory.ts`: every promise, proved on any store. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { DeviceId, UserId } from '../../../domain/ids.ts'
import type { SessionDirectory, Timing } from '../../../runtime/sessions/directory.ts'
import type { SessionStore } from '../../../runtime/sessions/store.ts'

/** Heartbeats come soon, and nobody is taken for dead because the machine stood still. */
export const STEADY: Timing = { heartbeatMs: 150, deadAfterMs: 60_000 }
/** Death comes soon, too: where it is waited for. */
export const MORTAL: Timing = { heartbeatMs: 150, deadAfterMs: 3_000 }
/** What is known before the test is over has been announced. */
const SILENT: Timing = { heartbeatMs: 60_000, deadAfterMs: 300_000 }
const PATIENTLY = { timeout: 15_000 }

export interface DirectoriesUnderTest {
  /** As a process would; without a name, an observer. The suite closes it. */
  open(node: string | undefined, timing: Timing): Promise<SessionDirectory>
  /** From now on this directory reaches neither the store nor the bus, as when its process is killed. */
  kill(directory: SessionDirectory): Promise<void>
  /** The store forgets everything (FLUSHALL, a crash of Postgres). */
  forget(): Promise<void>
  /** At this directory's next heartbeat the store has forgotten everything; after `meanwhile` it is carried out, and its answer is lost. */
  loseAnswer(directory: SessionDirectory, meanwhile: () => Promise<void>): void
  stop(): Promise<void>
}

export interface LossyStore extends SessionStore {
  /** The next heartbeat is carried out after `before`, and its answer is lost. */
  loseAnswer(before: () => Promise<void>): void
}

export function lossy(store: SessionStore): LossyStore {
  let before: (() => Promise<void>) | undefined
  return {
    ...store,
    node(name) {
      const own = store.node(name)
      return {
        ...own,
        async beat() {
          const first = before
          if (!first) return own.beat()
          before = undefined
          await first()
          await own.beat()
          throw new Error('the answer was lost')
        },
      }
    },
    loseAnswer(first) {
      before = first
    },
  }
}

const user = (name: string) => name as UserId
const device = (name: string) => name as DeviceId

export function sessionContract(name: string, start: () => Promise<DirectoriesUnderTest>): void {
  describe(`the session directory on ${name}`, () => {
    let under: DirectoriesUnderTest
    let opened: SessionDirectory[] = []
    beforeAll(async () => {
      under = await start()
    })
    afterEach(async () => {
      await Promise.all(opened.map((directory) => directory.close()))
      opened = []
    })
    afterAll(() => under?.stop())

    async function open(node?: string, timing = STEADY): Promise<SessionDirectory> {
      const directory = await under.open(node, timing)
      opened.push(directory)
      return directory
    }
    const found = async (directory: SessionDirectory, ...names: string[]) =>
      Object.fromEntries(
        [...(await directory.nodesOf(names.map(user)))].map(([node, users]) => [node, users.toSorted()]),
      )

    test('a session is found from every other node as soon as adding it has resolved', async () => {
      const [a, b, c] = [await open('a'), await open('b'), await open('c')]
      await a.add(user('ann'), device('phone'))
      await b.add(user('ann'), device('laptop'))
      await b.add(user('bob@x:y.z-1_2'), device('phone'))
      expect(await found(c, 'ann', 'bob@x:y.z-1_2', 'nobody')).toEqual({
        a: ['ann'],
        b: ['ann', 'bob@x:y.z-1_2'],
      })
      // A node need not be told about itself.
      expect(await found(b, 'ann', 'bob@x:y.z-1_2')).toEqual({ a: ['ann'] })
      expect(await found(c)).toEqual({})
    })

    test('a person is found until the last device has gone', async () => {
      const [a, b] = [await open('a'), await open('b')]
      await a.add(user('ann'), device('phone'))
      await a.add(user('ann'), device('laptop'))
      await a.remove(user('ann'), device('phone'))
      expect(await found(b, 'ann')).toEqual({ a: ['ann'] })
      await a.remove(user('ann'), device('laptop'))
      expect(await found(b, 'ann')).toEqual({})
    })

    test('a device that connects again before its old connection ends stays findable', async () => {
      const [a, b] = [await open('a'), await open('b')]
      await a.add(user('ann'), device('phone'))
      await a.add(user('ann'), device('phone'))
      await a.remove(user('ann'), device('phone'))
      expect(await found(b, 'ann')).toEqual({ a: ['ann'] })
      await a.remove(user('ann'), device('phone'))
      await a.remove(user('ann'), device('phone'))
      expect(await found(b, 'ann')).toEqual({})
    })

    test('the last of many quick changes stands', async () => {
      const [a, b] = [await open('a'), await open('b')]
      const changes: Promise<void>[] = []
      for (let i = 0; i < 50; i++) {
        changes.push(a.add(user('ann'), device('phone')), a.remove(user('ann'), device('phone')))
        changes.push(a.remove(user('bob'), device('phone')), a.add(user('bob'), device('phone')))
        if (i % 7 === 0) await new Promise(setImmediate)
      }
      await Promise.all(changes)
      expect(await found(b, 'ann', 'bob')).toEqual({ a: ['bob'] })
    })

    test('nodes know each other at once when they start, and forget each other at once when they stop', async () => {
      const a = await open('a', SILENT)
      expect(a.peers()).toEqual([])
      const b = await open('b', SILENT)
      expect(b.peers()).toEqual(['a'])
      await vi.waitFor(() => expect(a.peers()).toEqual(['b']), PATIENTLY)
      await b.add(user('ann'), device('phone'))
      expect(await found(a, 'ann')).toEqual({ b: ['ann'] })
      await b.close()
      await vi.waitFor(() => expect(a.peers()).toEqual([]), PATIENTLY)
      expect(await found(a, 'ann')).toEqual({})
    })

    test('an observer sees all nodes and is seen by none', async () => {
      const observer = await open()
      const a = await open('a')
      await a.add(user('ann'), device('phone'))
      await vi.waitFor(() => expect(observer.peers()).toEqual(['a']), PATIENTLY)
      expect(await found(observer, 'ann')).toEqual({ a: ['ann'] })
      expect(a.peers()).toEqual([])
    })

    test('a node that falls silent is dead after a while, with its sessions', async () => {
      const [a, b] = [await open('a', MORTAL), await open('b', MORTAL)]
      await a.add(user('ann'), device('phone'))
      await under.kill(a)
      expect(await found(b, 'ann')).toEqual({ a: ['ann'] })
      await vi.waitFor(() => expect(b.peers()).toEqual([]), PATIENTLY)
      expect(await found(b, 'ann')).toEqual({})
    })

    test('a peer that died without a word makes the others look at what it may not have pushed', async () => {
      const [a, b] = [await open('a', MORTAL), await open('b', MORTAL)]
      let looked = 0
      const off = b.onFoundAgain(() => looked++)
      await under.kill(a)
      await vi.waitFor(() => expect(looked).toBeGreaterThanOrEqual(1), PATIENTLY)
      await vi.waitFor(() => expect(b.peers()).toEqual([]), PATIENTLY)
      off()
    })

    test('a peer that went without a word is missed until it is back, one that said so is not', async () => {
      const [a, b, c] = [await open('a', MORTAL), await open('b', MORTAL), await open('c', MORTAL)]
      await a.close()
      await vi.waitFor(() => expect(b.peers()).toEqual(['c']), PATIENTLY)
      expect(b.isPushedTo).toBe(true)
      await under.kill(c)
      await vi.waitFor(() => expect(b.isPushedTo).toBe(false), PATIENTLY)
      expect(b.peers()).toEqual([])
      await open('c', MORTAL)
      await vi.waitFor(() => expect(b.isPushedTo).toBe(true), PATIENTLY)
    })

    test('… also one that is back under its name before it was missed', async () => {
      const [a, b] = [await open('a', SILENT), await open('b', SILENT)]
      let looked = 0
      b.onFoundAgain(() => looked++)
      await under.kill(a)
      await open('a', SILENT)
      await vi.waitFor(() => expect(looked).toBeGreaterThanOrEqual(1), PATIENTLY)
      await vi.waitFor(() => expect(b.peers()).toEqual(['a']), PATIENTLY)
    })

    test('a node that starts again under its name has none of its old sessions', async () => {
      const [a, b] = [await open('a'), await open('b')]
      await a.add(user('ann'), device('phone'))
      await under.kill(a)
      const again = await open('a')
      expect(await found(b, 'ann')).toEqual({})
      // A heartbeat of the other may have looked while this one began, and is put right by the word of it.
      await vi.waitFor(() => expect(b.peers()).toEqual(['a']), PATIENTLY)
      await again.add(user('bob'), device('phone'))
      expect(await found(b, 'ann', 'bob')).toEqual({ a: ['bob'] })
    })

    test('a store that has forgotten everything knows all sessions again after a heartbeat', async () => {
      const [a, b] = [await open('a'), await open('b')]
      await Promise.all(Array.from({ length: 50 }, (_, i) => a.add(user(`u${i}`), device('phone'))))
      await under.forget()
      // A session that is written into the emptied store must not hide that the others are missing.
      await a.add(user('ann'), device('phone'))
      const everybody = ['ann', ...Array.from({ length: 50 }, (_, i) => `u${i}`)].toSorted()
      await vi.waitFor(async () => expect(await found(b, ...everybody)).toEqual({ a: everybody }), PATIENTLY)
    })

    test('sessions that were forgotten are found again, and look at what they missed, also if the heartbeat that was told so was not heard', async () => {
      const [a, b] = [await open('a'), await open('b')]
      await a.add(user('ann'), device('phone'))
      let looked = 0
      a.onFoundAgain(() => looked++)
      const meanwhile = await new Promise((resolve) => {
        under.loseAnswer(a, () => found(b, 'ann').then(resolve))
      })
      expect(meanwhile).toEqual({})
      await vi.waitFor(async () => expect(await found(b, 'ann')).toEqual({ a: ['ann'] }), PATIENTLY)
      await vi.waitFor(() => expect(looked).toBeGreaterThanOrEqual(1), PATIENTLY)
    })

    test('the peers of a node hear of it once its sessions, which the store had lost, can be found again', async () => {
      const [a, b] = [await open('a'), await open('b')]
      await a.add(user('ann'), device('phone'))
      let back = 0
      b.onPeerBack(() => back++)
      await under.forget()
      await vi.waitFor(() => expect(back).toBeGreaterThanOrEqual(1), PATIENTLY)
      await vi.waitFor(async () => expect(await found(b, 'ann')).toEqual({ a: ['ann'] }), PATIENTLY)
    })

    test('a node that did not reach the store takes nobody for dead or away before the others had time to write anew', async () => {
      const [a, b] = [await open('a'), await open('b')]
      await b.add(user('bob'), device('phone'))
      await new Promise<void>((resolve) => under.loseAnswer(a, async () => resolve()))
      await vi.waitFor(() => expect(a.isPushedTo).toBe(false), { ...PATIENTLY, interval: 5 })
      const answers: unknown[] = []
      while (!a.isPushedTo) {
        expect(a.peers()).toEqual(['b'])
        answers.push(await found(a, 'bob').catch(() => 'unknown'))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      expect(new Set(answers)).toEqual(new Set(['unknown']))
      await vi.waitFor(async () => expect(await found(a, 'bob')).toEqual({ b: ['bob'] }), PATIENTLY)
    })

    test('a node whose sessions cannot be found is not pushed to, until all peers surely know them again', async () => {
      const [a] = [await open('a'), await open('b')]
      await a.add(user('ann'), device('phone'))
      expect(a.isPushedTo).toBe(true)
      await under.forget()
      await vi.waitFor(() => expect(a.isPushedTo).toBe(false), { ...PATIENTLY, interval: 5 })
      await vi.waitFor(() => expect(a.isPushedTo).toBe(true), PATIENTLY)
    })

    test('ten thousand people who connect at once are all found, within seconds', async () => {
      const [a, b] = [await open('a'), await open('b')]
      const people = Array.from({ length: 10_000 }, (_, i) => user(`u${i}`))
      await Promise.all(people.map((person) => a.add(person, device('phone'))))
      expect((await b.nodesOf(people)).get('a')).toHaveLength(10_000)
    })

    test('lookups that are made together get each their own answer', async () => {
      const [a, b] = [await open('a'), await open('b')]
      await Promise.all(['u1', 'u2', 'u3'].map((person) => a.add(user(person), device('phone'))))
      const asked = [['u1'], ['u2', 'nobody'], ['nobody'], ['u1', 'u3']]
      const answers = await Promise.all(asked.map((names) => found(b, ...names)))
      expect(answers).toEqual([{ a: ['u1'] }, { a: ['u2'] }, {}, { a: ['u1', 'u3'] }])
    })
  })
}
