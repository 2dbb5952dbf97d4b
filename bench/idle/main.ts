/** Opens sockets and lets them be: the other end of `idle`, in a process of its own, whose memory does not count. */
import { WebSocket } from 'ws'

export interface IdleOrder {
  readonly url: string
  readonly tokens: readonly string[]
}

export type IdleMessage =
  | { readonly kind: 'open'; readonly sockets: number }
  | { readonly kind: 'failed'; readonly reason: string }

const CONNECTING_AT_ONCE = 25
const sockets: WebSocket[] = []

function open(url: string, token: string): Promise<void> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/v1/ws`, 'triptick.v1', {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
  })
  sockets.push(socket)
  return new Promise((resolve, reject) => {
    socket.on('message', (data) => {
      if (String(data).includes('"t":"live"')) resolve()
    })
    socket.on('error', reject)
    socket.on('close', (code, reason) => reject(new Error(`closed with ${code} ${reason}`)))
  })
}

async function openAll({ url, tokens }: IdleOrder): Promise<void> {
  for (let from = 0; from < tokens.length; from += CONNECTING_AT_ONCE) {
    await Promise.all(tokens.slice(from, from + CONNECTING_AT_ONCE).map((token) => open(url, token)))
  }
}

const tell = (message: IdleMessage) => process.send?.(message)

process.on('disconnect', () => process.exit())
process.on('message', (order: IdleOrder) => {
  openAll(order).then(
    () => tell({ kind: 'open', sockets: sockets.length }),
    (error: unknown) => tell({ kind: 'failed', reason: String(error) }),
  )
})
