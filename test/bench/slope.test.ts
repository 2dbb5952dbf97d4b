/** The line of `soak`: it must rise where memory does, and not where it only goes up and down. */
import { expect, test } from 'vitest'
import { bytesPerHour, highestOfEach } from '../../bench/soak/slope.ts'

const look = (count: number, bytes: (minute: number) => number) =>
  Array.from({ length: count }, (_, minute) => ({ hours: minute / 60, bytes: bytes(minute) }))

test('what is kept of every message shows as so much an hour, whatever the collector does meanwhile', () => {
  const collected = (minute: number) => (minute % 3) * 20e6
  const slope = bytesPerHour(look(60, (minute) => 100e6 + minute * 1e6 + collected(minute)))
  expect(slope).toBeGreaterThan(55e6)
  expect(slope).toBeLessThan(65e6)
})

test('going up and down is no slope', () => {
  const slope = bytesPerHour(look(60, (minute) => 100e6 + (minute % 2) * 20e6))
  expect(Math.abs(slope)).toBeLessThan(2e6)
})

test('one look far below the others is no slope', () => {
  for (const low of [0, 4, 9]) {
    expect(bytesPerHour(look(10, (minute) => (minute === low ? 150e6 : 300e6)))).toBe(0)
  }
})

test('of nothing, or of one look, there is no slope', () => {
  expect(bytesPerHour([])).toBe(0)
  expect(bytesPerHour(look(1, () => 5))).toBe(0)
})

test('the highest of each window show what is kept, and not where a collection happens to fall', () => {
  const sawtooth = (minute: number) => 200e6 + ((minute + 2) % 5) * 30e6
  const flat = highestOfEach(5 / 60, look(28, sawtooth))
  expect(bytesPerHour(flat)).toBe(0)
  expect(new Set(flat.map(({ bytes }) => bytes))).toEqual(new Set([320e6]))
  const kept = highestOfEach(
    5 / 60,
    look(30, (minute) => sawtooth(minute) + minute * 1e6),
  )
  expect(bytesPerHour(kept)).toBeGreaterThan(55e6)
  expect(bytesPerHour(kept)).toBeLessThan(65e6)
})

test('what is given back for a moment, in however many windows, is no slope', () => {
  const givesBackAtFirst = (minute: number) => (minute < 20 && minute % 5 === 2 ? 110e6 : 275e6)
  expect(bytesPerHour(highestOfEach(5 / 60, look(31, givesBackAtFirst)))).toBe(0)
})
