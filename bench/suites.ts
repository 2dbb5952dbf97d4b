/** The names of the benches. Loads none of them. */
export const SUITES = [
  'lives',
  'append',
  'idle',
  'search',
  'overload',
  'group',
  'catch-up',
  'project',
  'grow',
  'soak',
  'eventstoredb',
] as const
export type Suite = (typeof SUITES)[number]
