import { expect, test } from 'vitest'
import { createGateways, type NodeLoad } from '../../../api/gateway/gateways.ts'
import type { Asker } from '../../../runtime/bus/ask.ts'

/** Peers by name; one without a load does not answer. */
function given(own: NodeLoad, peers: Readonly<Record<string, NodeLoad | undefined>>) {
  let asked = 0
  const asker = {
    ask: async (channel: string) => {
      asked++
      const answer = peers[channel.replace('node.', '')]
      return answer ? { kind: 'answered', answer } : { kind: 'silent' }
    },
  } as unknown as Asker
  const gateways = createGateways({ own: () => own, asker, directory: { peers: () => Object.keys(peers) } })
  return { gateways, asked: () => asked }
}

test('the least busy node comes first; who does not answer, or says no address, is left out', async () => {
  const { gateways } = given(
    { node: 'a', url: 'https://a.example', sessions: 20 },
    {
      b: { node: 'b', url: 'https://b.example', sessions: 5 },
      c: { node: 'c', url: 'https://c.example', sessions: 50 },
      silent: undefined,
      unknown: { node: 'unknown', sessions: 0 },
    },
  )
  expect(await gateways.list('http://10.0.0.1:8080')).toEqual([
    { node: 'b', url: 'https://b.example' },
    { node: 'a', url: 'https://a.example' },
    { node: 'c', url: 'https://c.example' },
  ])
})

test('a node that is not told its address says the one by which it was reached', async () => {
  const { gateways } = given({ node: 'a', sessions: 0 }, {})
  expect(await gateways.list('http://chat.example')).toEqual([{ node: 'a', url: 'http://chat.example' }])
})

test('many who ask at once cost one asking', async () => {
  const { gateways, asked } = given(
    { node: 'a', sessions: 0 },
    { b: { node: 'b', url: 'http://b', sessions: 1 } },
  )
  const lists = await Promise.all(Array.from({ length: 100 }, () => gateways.list('http://a')))
  expect(asked()).toBe(1)
  expect(new Set(lists.map((list) => list.length))).toEqual(new Set([2]))
})
