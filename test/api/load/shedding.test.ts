import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CALM_MS, createShedding, type Sheddable, STATES } from '../../../api/load/shedding.ts'

const ORDER: readonly Sheddable[] = ['typing', 'presence', 'read', 'delivered', 'send']

test('sheds typing, presence, read receipts, delivered receipts and sends, in this order', () => {
  for (const [pressure, shed] of [
    [0.4, 0],
    [0.5, 1],
    [0.65, 2],
    [0.8, 3],
    [0.9, 4],
    [1, 5],
    [50, 5],
  ] as const) {
    const shedding = createShedding()
    shedding.update(pressure, 0)
    expect(ORDER.filter(shedding.sheds), `at ${pressure}`).toEqual(ORDER.slice(0, shed))
  }
})

test('goes up at once and down one state at a time, each after a while of less pressure', () => {
  const shedding = createShedding()
  shedding.update(2, 0)
  expect(shedding.state).toBe('send')
  const seen: string[] = []
  for (let now = 100; now <= 100 + 6 * CALM_MS; now += 100) {
    shedding.update(0, now)
    if (seen.at(-1) !== shedding.state) seen.push(shedding.state)
  }
  expect(seen).toEqual([...STATES].reverse())
})

test('pressure that comes back for a moment starts the wait anew', () => {
  const shedding = createShedding()
  shedding.update(2, 0)
  shedding.update(0, 100)
  shedding.update(0.9, 100 + CALM_MS / 2)
  shedding.update(0, 200 + CALM_MS / 2)
  shedding.update(0, 150 + CALM_MS)
  expect(shedding.state).toBe('send')
})

test('whatever the pressure, what matters more is never shed before what matters less', () => {
  const pressures = fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { maxLength: 50 })
  fc.assert(
    fc.property(pressures, (values) => {
      const shedding = createShedding()
      for (const [index, pressure] of values.entries()) {
        shedding.update(pressure, index * 100)
        const shed = ORDER.map(shedding.sheds)
        expect(shed).toEqual([...shed].sort((a, b) => Number(b) - Number(a)))
      }
    }),
  )
})
