/**
 * What two api nodes, one projections and one workers promise together, whatever they stand on. Each test file runs it on
 * one arrangement; what only one arrangement has is tested there.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest'
import { buildProgram } from '../support/built-program.ts'
import { tokenFor } from '../support/system.ts'
import { type Deployment, type DeploymentOptions, PARTS, type Part, startDeployment } from './deployment.ts'
import { createPerson, type Person, type PersonOptions } from './person.ts'
import { until } from './until.ts'
import { expectAllRead, expectNothingLost, expectWholeChains } from './verdict.ts'

/** In every text; nothing that a process writes may ever contain it. */
const OVERHEARD = 'between the two of us'

export interface Scene {
  readonly deployment: Deployment
  /** A person of this test's own: names are unique in the file. */
  person(name: string, options?: Partial<PersonOptions>): Person
}

/** Registers the tests; the scene is there when a test runs. */
export function twoNodes(options: DeploymentOptions): Scene {
  let deployment: Deployment
  const people: Person[] = []
  beforeAll(async () => {
    await buildProgram()
    deployment = await startDeployment(options)
  }, 120_000)
  beforeEach(() => {
    onTestFailed(() => console.error(complaintsOf(deployment.output())))
  })
  // In the last test it has been stopped, and looked at.
  afterAll(() => deployment?.stop())

  const scene: Scene = {
    get deployment() {
      return deployment
    },
    person(name, more = {}) {
      const person = createPerson({ userId: name, tokenFor, eager: true, ...more })
      people.push(person)
      return person
    },
  }
  const one = () => [deployment.urls[0]]
  const other = () => [deployment.urls[1]]

  test('two people on different nodes exchange messages, and each sees the other read them', async () => {
    const [ada, ben] = [scene.person('ada'), scene.person('ben')]
    await Promise.all([ada.come(one()), ben.come(other())])
    expect([ada.node(), ben.node()]).toEqual(['api-1', 'api-2'])
    const id = await deployment.callers[0].begin('ada', 'direct', ['ben'])
    expect(await deployment.callers[1].begin('ben', 'direct', ['ada'])).toBe(id)
    // At the same time, in both directions: both nodes append to the same streams.
    await Promise.all([talk(ada, id, 20), talk(ben, id, 20)])
    await expectNothingLost(deployment, id, [ada, ben])
    await expectAllRead(id, [ada, ben])
    expect([...ada.closes, ...ben.closes]).toEqual([])
  })

  test('a group reaches its members on both nodes; who joins and leaves counts from then and until then', async () => {
    const names = ['carl', 'dora', 'emil', 'fay']
    const group = names.map((name) => scene.person(name))
    await Promise.all(group.map((person, index) => person.come(index % 2 === 0 ? one() : other())))
    const [carl, dora, emil, fay] = group as [Person, Person, Person, Person]
    const id = await deployment.callers[0].begin('carl', 'group', ['dora', 'emil'])
    const members = [carl, dora, emil]
    await Promise.all(members.map((person) => talk(person, id, 8)))
    await expectAllRead(id, members)
    expect(fay.received(id)).toEqual([])

    // On the other node than the one that knows the group best.
    const path = `/v1/conversations/${id}/members`
    await deployment.callers[1].call('carl', 'POST', path, { userIds: ['fay'] })
    await deployment.callers[0].call('carl', 'DELETE', `${path}/dora`)
    const { answer } = await fay.say(id, `hello ${OVERHEARD}`)
    await until('the rest reads it', () =>
      [carl, emil].every((one) => one.received(id).at(-1)?.seq === answer.seq),
    )
    const dorasLast = Math.max(
      ...[...dora.received(id), ...dora.sent.map((own) => own.answer)].map(({ seq }) => seq),
    )
    expect(dorasLast).toBe(answer.seq - 1)
    expect(fay.received(id)).toEqual([])
    expectWholeChains(await deployment.events(id))
  })

  test('who was offline on one node and comes back on the other gets all that was missed, in order, then `live`', async () => {
    const [gil, hana] = [scene.person('gil'), scene.person('hana', { eager: false })]
    await Promise.all([gil.come(one()), hana.come(one())])
    const id = await deployment.callers[0].begin('gil', 'direct', ['hana'])
    const { answer: asked } = await hana.say(id, `are you there ${OVERHEARD}`)
    await hana.leave()
    await talk(gil, id, 30)
    await until('it is read while away', () => gil.received(id).length === 1)

    await hana.come(other())
    expect(hana.node()).toBe('api-2')
    expect(hana.received(id)).toHaveLength(30)
    // Answers to what she acknowledges meanwhile, which have a ref, are nothing that she missed.
    const missed = hana.frames.filter(
      ({ t, ref }) => ref === undefined && (t === 'message' || t === 'receipt' || t === 'live'),
    )
    expect(missed.map(({ t }) => t).indexOf('live')).toBe(missed.length - 1)
    const receipts = missed.filter(({ t, kind }) => t === 'receipt' && kind === 'read')
    expect(receipts).toMatchObject([{ userId: 'gil', upTo: asked.seq }])
    await until('gil sees the second tick', () => gil.watermarks(id, 'hana').delivered === 31)
    expect(gil.watermarks(id, 'hana').read).toBe(0)
    hana.read(id)
    await expectAllRead(id, [gil, hana])
    await expectNothingLost(deployment, id, [gil, hana])
  })

  test('two devices of a person on two nodes both get everything; a read on one clears the other', async () => {
    const ida = scene.person('ida')
    const phone = scene.person('jon', { deviceId: 'phone', eager: false })
    const laptop = scene.person('jon', { deviceId: 'laptop', eager: false })
    await Promise.all([ida.come(other()), phone.come(one()), laptop.come(other())])
    const id = await deployment.callers[1].begin('ida', 'direct', ['jon'])
    await talk(ida, id, 5)
    const { answer } = await laptop.say(id, `from the laptop ${OVERHEARD}`)
    await until('the phone has what the laptop sent', () => phone.received(id).at(-1)?.seq === answer.seq)
    phone.read(id)
    await until('the laptop knows', () => laptop.watermarks(id, 'jon').read === answer.seq)
    await until('so does the sender', () => ida.watermarks(id, 'jon').read >= 5)
    await expectNothingLost(deployment, id, [ida, phone, laptop])
  })

  test('a node that is killed in the middle costs its people a reconnect, and no message', async () => {
    const [kim, lea, mo] = [scene.person('kim'), scene.person('lea'), scene.person('mo')]
    const everywhere = deployment.urls
    await Promise.all([kim.come(everywhere), lea.come(other()), mo.come(everywhere)])
    const id = await deployment.callers[1].begin('kim', 'group', ['lea', 'mo'])
    const talking = Promise.all([kim, lea, mo].map((person) => talk(person, id, 60, 10)))
    await sleep(400)
    await without(deployment, ['api-1'], async () => {
      await talking
      expect([kim.node(), mo.node()]).toEqual(['api-2', 'api-2'])
      expect([kim.closes, lea.closes, mo.closes]).toEqual([[1006], [], [1006]])
      await expectNothingLost(deployment, id, [kim, lea, mo], [deployment.callers[1]])
      await expectAllRead(id, [kim, lea, mo])
    })

    // Whatever is sent again is answered as the first time, on whichever node, and exists once.
    await kim.leave()
    await kim.come(one())
    for (const person of [kim, lea, mo]) {
      const again = await Promise.all(person.sent.map((sent) => person.repeat(sent)))
      const known = (frame: { seq?: number; at?: number; messageId?: string }) => [
        frame.seq,
        frame.at,
        frame.messageId,
      ]
      expect(again.map(known)).toEqual(person.sent.map(({ answer }) => known(answer)))
    }
    await expectNothingLost(deployment, id, [kim, lea, mo])
  })

  test('without projections and workers messages are still recorded; when those are back, everybody has everything', async () => {
    const [nia, oz, pia] = [scene.person('nia'), scene.person('oz'), scene.person('pia')]
    await Promise.all([nia.come(one()), oz.come(other()), pia.come(other())])
    // The reconciler spreads what it finds over half a minute: of many who wait, one is tried soon.
    const absent = Array.from({ length: 12 }, (_, n) => `absent-${n}`)
    const id = await deployment.callers[0].begin('nia', 'group', ['oz', 'pia', ...absent])
    await talk(pia, id, 5)
    await pia.leave()
    const talking = Promise.all([talk(nia, id, 40, 10), talk(oz, id, 40, 10)])
    await sleep(150)
    const attempts = async () =>
      (await deployment.events(id)).filter(({ type }) => type === 'DeliveryAttempted').map(({ data }) => data)
    let back: Promise<void> | undefined
    let before = 0
    await without(deployment, ['projections', 'workers'], async () => {
      // Whoever was slow to acknowledge before the workers were killed may have been tried by them.
      before = (await attempts()).length
      await talking
      back = pia.come(one())
    })
    await back
    await expectNothingLost(deployment, id, [nia, oz, pia])
    await expectAllRead(id, [nia, oz, pia])
    // Pia was away as well, and may be tried until she has acknowledged.
    const tried = async () => (await attempts()).slice(before).filter(({ userId }) => userId !== 'pia')
    await until('who has not come is tried', async () => (await tried()).length > 0, { withinMs: 60_000 })
    for (const { userId, outcome } of await tried()) {
      expect(absent).toContain(userId)
      expect(outcome).toBe('offline')
    }
  })

  return scene
}

/** To be called after all other tests of a file: stops everything, and looks at what is left. */
export function inTheEnd(scene: Scene): void {
  test('in the end everything stops within ten seconds, has told no body to any log and written nothing beside the stores', async () => {
    const since = performance.now()
    const { exits, files } = await scene.deployment.stop()
    expect(performance.now() - since).toBeLessThan(10_000)
    expect(exits).toEqual(Object.fromEntries(PARTS.map((part) => [part, 0])))
    expect(files).toEqual([])
    expect(scene.deployment.output()).toContain('"level"')
    expect(scene.deployment.output()).not.toContain(OVERHEARD)
  })
}

/** Kills parts, and starts them again whatever happens meanwhile, so that one failure is not the failure of all that follow. */
export async function without(
  deployment: Deployment,
  parts: readonly Part[],
  meanwhile: () => Promise<void>,
): Promise<void> {
  await Promise.all(parts.map(deployment.kill))
  try {
    await meanwhile()
  } finally {
    await Promise.all(parts.map(deployment.start))
  }
}

/** One after another, each when the one before is answered. */
export async function talk(
  person: Person,
  conversationId: string,
  count: number,
  pauseMs = 0,
): Promise<void> {
  for (let n = 1; n <= count; n++) {
    await person.say(conversationId, `${person.userId} ${n} ${OVERHEARD}`)
    if (pauseMs > 0) await sleep(pauseMs)
  }
}

/** The last warnings and errors that the processes have logged. */
const complaintsOf = (output: string): string =>
  output
    .split('\n')
    .filter((line) => /"level":"(warn|error|fatal)"/.test(line) || !line.startsWith('{'))
    .slice(-40)
    .join('\n')
