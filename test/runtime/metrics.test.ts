import { expect, test } from 'vitest'
import { createMetrics } from '../../runtime/metrics.ts'

test('modules that ask for the same metric share it', async () => {
  const metrics = createMetrics('api')
  metrics.counter('triptick_sends_total', 'messages sent').inc()
  metrics.counter('triptick_sends_total', 'messages sent').inc()
  expect(await metrics.registry.metrics()).toContain('triptick_sends_total{roles="api"} 2')
})

test('a tally adds up until it is read, and goes on from there', async () => {
  const metrics = createMetrics('api')
  for (const type of ['send', 'read', 'send']) metrics.tally('triptick_frames_total', 'frames', 'type')(type)
  expect(await metrics.registry.metrics()).toContain('triptick_frames_total{type="send",roles="api"} 2')
  metrics.tally('triptick_frames_total', 'frames', 'type')('send')
  const text = await metrics.registry.metrics()
  expect(text).toContain('triptick_frames_total{type="send",roles="api"} 3')
  expect(text).toContain('triptick_frames_total{type="read",roles="api"} 1')
})

test('one name is one kind of metric', () => {
  const metrics = createMetrics('api')
  metrics.gauge('triptick_lag', 'seconds behind')
  expect(() => metrics.histogram('triptick_lag', 'seconds behind')).toThrow('defined before as another kind')
})
