/** Shows the metrics of processes that have no HTTP server of their own. The api role shows its own and does not use this. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Metrics } from './metrics.ts'
import type { Role } from './role.ts'

export async function startMetricsServer(host: string, port: number, metrics: Metrics): Promise<Role> {
  const server = createServer(async (request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    response.setHeader('content-type', metrics.registry.contentType)
    response.end(await metrics.registry.metrics())
  })
  server.listen(port, host)
  await once(server, 'listening')
  return {
    address: `http://${host}:${port}/metrics`,
    async stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}
