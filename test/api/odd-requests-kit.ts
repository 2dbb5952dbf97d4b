/** Asks a server as clients and proxies of all kinds do: with any header and body, or in a head as it is written here. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { tokenFor } from '../support/system.ts'

export const json = { 'content-type': 'application/json' }

/** Looks at the address with each request: a file's server is started after its tests were read. */
export function askingAt(url: () => string) {
  async function ask(path: string, init: RequestInit = {}, userId = 'ann') {
    const headers = { authorization: `Bearer ${await tokenFor(userId)}`, ...init.headers }
    const response = await fetch(`${url()}${path}`, { ...init, headers })
    const body = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: body === '' ? undefined : JSON.parse(body),
    }
  }

  /** What comes back for a request as it is written here, until the server ends the connection. */
  async function written(head: readonly string[]): Promise<string> {
    const { hostname, port } = new URL(url())
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    return await text(socket)
  }

  return { ask, written }
}
