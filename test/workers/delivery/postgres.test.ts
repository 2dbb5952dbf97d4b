import { deliverySuite } from './suite.ts'

deliverySuite('Postgres', () => undefined)
