/** What happens in the demo: two people, a second device, and a group in which somebody is offline. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createHttpClient } from '../../client/http.ts'
import type { ConversationId } from '../../domain/ids.ts'
import type { System } from '../system/system.ts'
import { openDevice, type Person } from './device.ts'
import { type FollowedMessage, sendAndFollow } from './message.ts'
import type { Screen } from './screen.ts'

/** As long as a glance at a phone takes, so that one sees the ticks change. */
const GLANCE_MS = 700
/** Longer than the grace of the delivery worker (2 s; on a system of the demo's own 1 s), so that its attempt is in the ledger. */
const TUNNEL_MS = 3_000

export interface Told {
  readonly conversationId: ConversationId
  /** The message whose life is worth looking up. */
  readonly message: FollowedMessage
}

export async function tell(system: System, screen: Screen): Promise<Told> {
  // On a system that others use, too, everybody is new.
  const mark = system.own ? '' : `-${Date.now().toString(36).slice(-4)}`
  const ada: Person = { userId: `ada${mark}`, name: 'Ada' }
  const ben: Person = { userId: `ben${mark}`, name: 'Ben' }
  const cleo: Person = { userId: `cleo${mark}`, name: 'Cleo' }
  const http = createHttpClient({ url: system.url, token: await system.tokenFor(ada.userId, ada.name) })
  const [adasPhone, bensPhone] = await Promise.all([
    openDevice(system, ada, 'phone'),
    openDevice(system, ben, 'phone'),
  ])

  screen.chapter('1  Two people')
  const { conversationId: direct } = await http.startDirect(ben.userId)
  const first = await sendAndFollow(screen, adasPhone, direct, [ben], 'The 19:42 is late. Start without me?')
  await first.until('delivered', [ben])
  await sleep(GLANCE_MS)
  await bensPhone.read(direct, first.seq)
  await first.until('read', [ben])

  screen.chapter('2  A second device')
  screen.aside('Ben opens his laptop')
  const bensLaptop = await openDevice(system, ben, 'laptop')
  const answer = await sendAndFollow(screen, bensLaptop, direct, [ada], 'Never. Soup keeps.')
  await bensPhone.message(direct, answer.seq)
  screen.aside('his phone shows it, too', answer.age())
  await answer.until('delivered', [ada])
  await sleep(GLANCE_MS)
  await adasPhone.read(direct, answer.seq)
  await answer.until('read', [ada])

  screen.chapter('3  A group, and a tunnel')
  const { conversationId: group } = await http.startGroup([ben.userId, cleo.userId], 'Soup')
  screen.aside('Cleo is offline')
  const message = await sendAndFollow(screen, adasPhone, group, [ben, cleo], 'Soup at nine, then. Who is in?')
  await message.until('delivered', [ben])
  await sleep(GLANCE_MS)
  await bensLaptop.read(group, message.seq)
  await message.until('read', [ben])
  await bensPhone.receipt(group, 'read', message.seq)
  screen.aside('read on the laptop: the badge on his phone is gone', message.age())
  await sleep(Math.max(0, TUNNEL_MS - message.age()))
  screen.aside('Cleo is back')
  const cleosPhone = await openDevice(system, cleo, 'phone')
  await message.until('delivered', [ben, cleo])
  await sleep(GLANCE_MS)
  await cleosPhone.read(group, message.seq)
  await message.until('read', [ben, cleo])

  await Promise.all([adasPhone, bensPhone, bensLaptop, cleosPhone].map((device) => device.close()))
  return { conversationId: group, message }
}
