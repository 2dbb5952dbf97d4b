import { expect, test } from 'vitest'
import { classify } from '../../../projections/engine/failures.ts'

const coded = (code: string) => Object.assign(new Error('of Postgres'), { code })

test('what is in the way for now is told from what an event does to itself, and both from a bug', () => {
  const passing = [
    // As pg-pool says it when all connections are taken for too long: without a code.
    new Error('timeout exceeded when trying to connect'),
    new Error('Connection terminated unexpectedly'),
    coded('ECONNREFUSED'),
    coded('57P01'),
    coded('53300'),
    // A server that only reads for now, as after a failover.
    coded('25006'),
  ]
  expect(passing.map(classify)).toEqual(passing.map(() => 'transient'))
  const poison = [coded('22003'), coded('23505'), coded('54000')]
  expect(poison.map(classify)).toEqual(poison.map(() => 'poison'))
  const fatal = [coded('42P01'), coded('54001'), new TypeError('a bug'), 'no error']
  expect(fatal.map(classify)).toEqual(fatal.map(() => 'fatal'))
})
