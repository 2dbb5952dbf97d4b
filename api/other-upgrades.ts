/**
 * An `Upgrade` to anything but our WebSocket is not taken up, as HTTP allows (RFC 9110, §7.8): the request is answered as if it had not
 * asked. Java's `HttpClient` and `curl --http2` ask for `h2c` with their first request. Node can be told so from 24.9 on
 * (`shouldUpgradeCallback`); before, once somebody listens for upgrades, it reads no body of a request that asks for one, and answers none. So
 * the request comes to the server once more, without the asking.
 */
import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server, ServerOptions } from 'node:http'
import type { Socket } from 'node:net'

const isOurs = ({ headers, url = '' }: IncomingMessage, path: string): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket' && url.split('?', 1)[0] === path

/** For the server, where Node knows the option. */
export const onlyUpgradesAt = (path: string): ServerOptions =>
  ({ shouldUpgradeCallback: (request: IncomingMessage) => isOurs(request, path) }) as ServerOptions

/** Emits upgrades to a WebSocket at this path as the server does, and no others. */
export function webSocketUpgradesOf(server: Server, path: string): EventEmitter {
  const webSockets = new EventEmitter()
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // Nobody listens any more while the server closes.
    const isTaken = isOurs(request, path) && webSockets.emit('upgrade', request, socket, head)
    if (!isTaken) answerPlainly(server, request, socket, head)
  })
  return webSockets
}

const ASKING = new Set(['upgrade', 'connection', 'http2-settings'])
/** Node passes on no more headers of a request: how its body is delimited may not be among them. */
const MOST_HEADERS = 1_000

function answerPlainly(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders, headers } = request
  // A response that is still to come on this connection would never be followed by this one.
  const isPipelined = (socket as { _httpMessage?: unknown })._httpMessage != null
  if (isPipelined || rawHeaders.length >= 2 * MOST_HEADERS) return void socket.destroy()
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (!ASKING.has(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[at + 1]}`)
  }
  if (/\bclose\b/i.test(headers.connection ?? '')) lines.push('Connection: close')
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('connection', socket)
}
