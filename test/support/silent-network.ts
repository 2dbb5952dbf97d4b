/** A way to a server that a test can cut without a word: no end, no reset, only silence, as of a machine that lost its power. */
import { once } from 'node:events'
import { createServer, connect as dial, type Socket } from 'node:net'

export interface SilentNetwork {
  /** The server's URL, but through here. */
  readonly url: string
  /** The connections of now carry nothing any more, not even their end; later ones do. */
  silence(): void
  /** As of a server that is stopped: every connection is taken, also a new one, and nothing is carried. What was sent meanwhile goes on afterwards. */
  standStill(): void
  goOn(): void
  close(): Promise<void>
}

export async function openSilentNetwork(serverUrl: string): Promise<SilentNetwork> {
  const { hostname, port: toPort } = new URL(serverUrl)
  const host = decodeURIComponent(hostname)
  // A folder stands for the socket in it, as for libpq.
  const to = host.startsWith('/') ? { path: `${host}/.s.PGSQL.${toPort}` } : { host, port: Number(toPort) }
  const sockets = new Set<Socket>()
  let standsStill = false
  const server = createServer((near) => {
    const far = dial(to)
    carry(near, far)
    carry(far, near)
  }).listen(0, '127.0.0.1')

  function carry(from: Socket, into: Socket): void {
    sockets.add(from)
    from.on('data', (chunk) => into.write(chunk))
    if (standsStill) from.pause()
    from.on('error', () => {})
    from.on('close', () => into.destroy())
  }

  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  const url = new URL(serverUrl)
  url.host = `127.0.0.1:${port}`
  return {
    url: url.href,
    silence() {
      for (const socket of sockets) socket.pause().removeAllListeners('data').removeAllListeners('close')
    },
    standStill() {
      standsStill = true
      for (const socket of sockets) socket.pause()
    },
    goOn() {
      standsStill = false
      for (const socket of sockets) socket.resume()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
