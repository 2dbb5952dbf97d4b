import { expect, test } from 'vitest'
import { createMetrics } from '../../runtime/metrics.ts'
import { startMetricsServer } from '../../runtime/metrics-server.ts'
import { freePort } from '../support/free-port.ts'

test('a process without the api shows its metrics on a port of its own', async () => {
  const metrics = createMetrics('workers')
  metrics.gauge('triptick_lag', 'seconds behind').set(3)
  const server = await startMetricsServer('127.0.0.1', await freePort(), metrics)
  const response = await fetch(server.address ?? '')
  expect(response.headers.get('content-type')).toContain('text/plain')
  expect(await response.text()).toContain('triptick_lag{roles="workers"} 3')
  await server.stop()
})
