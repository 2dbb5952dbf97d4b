/** The judgement of `soak`: it fails on what grows too much, and on what nobody saw. */
import { expect, test } from 'vitest'
import { growthOf, whatGrew } from '../../bench/soak/growth.ts'

const HOUR = [0, 0.25, 0.5, 0.75, 1]
const rising = (from: number, by: number) => HOUR.map((hours) => ({ hours, bytes: from + by * hours }))

test('what grows by no more than it may is not told of, what grows by more is, with both figures', () => {
  const may = { name: 'api', limit: 10e6, atLeast: 5 }
  expect(whatGrew([growthOf({ ...may, samples: rising(50e6, 10e6) })])).toEqual([])
  expect(whatGrew([growthOf({ ...may, samples: rising(50e6, -20e6) })])).toEqual([])
  expect(whatGrew([growthOf({ ...may, samples: rising(50e6, 11e6) })])).toEqual([
    'soak: api grows by 11.0 MB an hour, 10.0 are allowed',
  ])
})

test('what was looked at less often than asked for fails, whatever was seen, and says why', () => {
  const failure = new Error('the process is not there, or is another')
  const seen = growthOf({ name: 'api', limit: 10e6, atLeast: 5, samples: rising(50e6, 0).slice(1), failure })
  expect(seen).toMatchObject({ first: 50e6, last: 50e6, perHour: undefined })
  expect(whatGrew([seen])).toEqual([
    'soak: how api grows was not seen: the process is not there, or is another',
  ])
})

test('without samples to judge, the looks that there are are shown', () => {
  const shown = growthOf({ name: 'api', limit: 10e6, atLeast: 2, samples: [], otherwise: rising(1e6, 1e6) })
  expect(shown).toMatchObject({ first: 1e6, last: 2e6, perHour: undefined })
})
