/**
 * An `Upgrade` to anything but our WebSocket is not taken up, as HTTP allows (RFC 9110, §7.8): the request is answered as if it had not
 * asked. Java's `HttpClient` and `curl --http2` ask for `h2c` with their first request. But once somebody listens for upgrades, Node reads
 * no body of a request that asks for one, and answers none; so it comes to the server once more, without the asking.
 */
import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'

/** Only of upgrades to a WebSocket at this path: emits them as the server does. */
export function webSocketUpgradesOf(server: Server, path: string): EventEmitter {
  const webSockets = new EventEmitter()
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const { url = '', headers } = request
    const isOurs = headers.upgrade?.toLowerCase() === 'websocket' && url.split('?', 1)[0] === path
    if (isOurs) webSockets.emit('upgrade', request, socket, head)
    else answerPlainly(server, request, socket, head)
  })
  return webSockets
}

const ASKING = new Set(['upgrade', 'connection', 'http2-settings'])

function answerPlainly(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders, headers } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (!ASKING.has(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[at + 1]}`)
  }
  if (/\bclose\b/i.test(headers.connection ?? '')) lines.push('Connection: close')
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('connection', socket)
}
