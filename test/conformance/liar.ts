/** Stands between a client and a system and does what no system may: changes what comes back. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import WebSocket, { WebSocketServer } from 'ws'
import type { Frame } from '../support/chat.ts'

export interface Lie {
  /** What the client gets instead of a frame: nothing, another one, several. */
  readonly frame?: (frame: Frame) => readonly Frame[]
  /** What it gets instead of the JSON of an answer. */
  readonly answer?: (status: number, body: Frame) => Frame
  /** What it says instead of its token. */
  readonly authorization?: (header: string | undefined) => string | undefined
}

export interface Liar {
  readonly url: string
  stop(): Promise<void>
}

/** @param url of the honest system: `http://host:port`. */
export async function startLiar(url: string, lie: Lie): Promise<Liar> {
  const { frame = (one) => [one], answer = (_status, body) => body, authorization = (header) => header } = lie
  const headersOf = (request: IncomingMessage): Record<string, string> => {
    const said = authorization(request.headers.authorization)
    const type = request.headers['content-type']
    return { ...(said ? { authorization: said } : {}), ...(type ? { 'content-type': type } : {}) }
  }

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const honest = await fetch(`${url}${request.url}`, {
      method: request.method ?? 'GET',
      headers: headersOf(request),
      ...(chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}),
    })
    const text = await honest.text()
    const type = honest.headers.get('content-type') ?? ''
    response.writeHead(honest.status, type === '' ? {} : { 'content-type': type })
    response.end(type.includes('json') ? JSON.stringify(answer(honest.status, JSON.parse(text))) : text)
  })

  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'triptick.v1' })
  server.on('upgrade', (request, socket, head) => {
    const protocols = String(request.headers['sec-websocket-protocol']).split(/, */)
    const honest = new WebSocket(`${url.replace('http', 'ws')}${request.url}`, protocols, {
      headers: headersOf(request),
    })
    honest.on('error', () => {})
    honest.on('unexpected-response', (_request, response) => {
      socket.end(`HTTP/1.1 ${response.statusCode} No\r\nConnection: close\r\n\r\n`)
      honest.terminate()
    })
    // Nothing is lost before somebody listens: what is said first waits.
    const said: string[] = []
    let tell = (text: string): void => void said.push(text)
    honest.on('message', (data) => {
      const value = JSON.parse(String(data))
      const frames = (Array.isArray(value) ? value : [value]).flatMap(frame)
      if (frames.length > 0) tell(JSON.stringify(frames))
    })
    honest.on('open', () =>
      sockets.handleUpgrade(request, socket, head, (client) => {
        tell = (text) => client.send(text)
        said.forEach(tell)
        client.on('message', (data, isBinary) => honest.send(isBinary ? data : String(data)))
        client.on('close', () => honest.close())
        client.on('error', () => {})
        honest.on('close', (code, reason) => client.close(code === 1005 ? 1000 : code, String(reason)))
      }),
    )
  })

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      for (const client of sockets.clients) client.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
