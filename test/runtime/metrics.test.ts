import { expect, test } from 'vitest'
import { createMetrics } from '../../runtime/metrics.ts'

test('modules that ask for the same metric share it', async () => {
  const metrics = createMetrics('api')
  metrics.counter('triptick_sends_total', 'messages sent').inc()
  metrics.counter('triptick_sends_total', 'messages sent').inc()
  expect(await metrics.registry.metrics()).toContain('triptick_sends_total{roles="api"} 2')
})

test('one name is one kind of metric', () => {
  const metrics = createMetrics('api')
  metrics.gauge('triptick_lag', 'seconds behind')
  expect(() => metrics.histogram('triptick_lag', 'seconds behind')).toThrow('defined before as another kind')
})
