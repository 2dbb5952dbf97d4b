/** Packing of frames, within the limits of the wire. */
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createOutgoing } from '../../client/outgoing.ts'
import { LIMITS } from '../../protocol/limits.ts'

function collect() {
  const sent: string[] = []
  return { sent, outgoing: createOutgoing((text) => sent.push(text)) }
}

test('a frame alone stays an object', async () => {
  const { sent, outgoing } = collect()
  outgoing.push({ t: 'ping' })
  await turn()
  expect(sent).toEqual(['{"t":"ping"}'])
})

test('no array has more frames or bytes than the wire allows, and none is lost or moved', async () => {
  const { sent, outgoing } = collect()
  const frames = Array.from({ length: 2500 }, (_, index) => ({ index, text: 'ü'.repeat((index * 37) % 400) }))
  for (const frame of frames) outgoing.push(frame)
  await turn()
  expect(sent.length).toBeGreaterThan(2)
  for (const text of sent) {
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(LIMITS.frameBytes)
    expect((JSON.parse(text) as unknown[]).length).toBeLessThanOrEqual(LIMITS.framesPerArray)
  }
  expect(sent.flatMap((text) => JSON.parse(text) as unknown[])).toEqual(frames)
})
