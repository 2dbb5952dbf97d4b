/** The reference of `api/routes/health.ts`. */
import { alive, notReady, readiness } from '../../../protocol/answers.ts'
import type { RouteDescriptions } from '../description.ts'

const ready = {
  status: 'ready',
  database: { ok: true },
  ledger: { ok: true },
  projections: { ok: true, lagSeconds: 0.02 },
}

export const operationsReference: RouteDescriptions = {
  'GET /livez': {
    id: 'isAlive',
    tag: 'operations',
    summary: 'Whether the process answers at all',
    access: 'anybody',
    answers: { 200: { description: 'It does.', schema: alive } },
    example: () => ({ status: 200, answer: { status: 'alive' } }),
  },
  'GET /readyz': {
    id: 'isReady',
    tag: 'operations',
    summary: 'Whether it should be given work: stores answer, read models are within their lag or getting on',
    access: 'anybody',
    answers: {
      200: { description: 'It should.', schema: readiness },
      503: {
        description: '`unavailable`: It should not, and why.',
        schema: notReady,
        contentType: 'application/problem+json',
      },
    },
    example: () => ({ status: 200, answer: ready }),
  },
  'GET /metrics': {
    id: 'getMetrics',
    tag: 'operations',
    summary: 'Metrics for Prometheus',
    access: 'anybody',
    answers: { 200: { description: 'The text format of Prometheus.', contentType: 'text/plain' } },
    example: () => ({ status: 200 }),
  },
}
