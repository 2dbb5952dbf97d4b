/** The sockets of the pairs: both people of a pair are clients of the protocol. Raw `ws`, since it shares the cores with what it measures. */
import { WebSocket } from 'ws'
import { createHttpClient } from '../../client/http.ts'
import { createPair, type Pair, type PairOptions, type Received } from './pair.ts'
import type { LivesSettings } from './settings.ts'

export interface Party {
  readonly pair: Pair
  /** Writes so many messages now. @param due when they were meant to be written. */
  write(count: number, due?: number): void
  readonly sockets: readonly WebSocket[]
}

export interface PartyOptions extends Pick<PairOptions, 'tally' | 'reached' | 'nonce'> {
  onRead(party: Party, count: number): void
  onBroken(reason: string): void
}

const CONNECTING_AT_ONCE = 20
const DEVICE = 'default'

type Person = LivesSettings['people'][number]

export async function connectPairs(settings: LivesSettings, options: PartyOptions): Promise<Party[]> {
  const pairs: [Person, Person][] = []
  for (let index = 0; index + 1 < settings.people.length; index += 2) {
    pairs.push([settings.people[index] as Person, settings.people[index + 1] as Person])
  }
  const parties: Party[] = []
  for (let from = 0; from < pairs.length; from += CONNECTING_AT_ONCE) {
    const some = pairs.slice(from, from + CONNECTING_AT_ONCE)
    const connecting = some.map((people, index) => connectPair(settings, options, people, from + index))
    parties.push(...(await Promise.all(connecting)))
  }
  return parties
}

async function connectPair(
  { url, textBytes, acks, refusals }: LivesSettings,
  { onRead, onBroken, nonce, ...recording }: PartyOptions,
  [writer, reader]: [Person, Person],
  index: number,
): Promise<Party> {
  const { conversationId } = await createHttpClient({ url, token: writer.token }).startDirect(reader.userId)
  const pair = createPair({
    ...recording,
    conversationId,
    senderId: writer.userId,
    deviceId: DEVICE,
    nonce: `${nonce}-${index}-`,
    text: 'The quick brown fox jumps over the lazy dog. '.repeat(200).slice(0, textBytes),
  })

  /** What one WebSocket frame calls for leaves as one frame. */
  const sendAll = (socket: WebSocket, frames: readonly string[]): void => {
    if (frames.length > 0) socket.send(frames.length === 1 ? (frames[0] as string) : `[${frames.join(',')}]`)
  }

  const atWriter = (frames: readonly Received[]): void => {
    const now = performance.now()
    let read = 0
    for (const frame of frames) {
      if (frame.t === 'error') refused(frame)
      else read += pair.atSender(frame, now)
    }
    if (read > 0) onRead(party, read)
  }

  const atReader = (frames: readonly Received[], socket: WebSocket): void => {
    const answers: string[] = []
    for (const frame of frames) {
      if (frame.t === 'error') refused(frame)
      else answers.push(...pair.atRecipient(frame))
    }
    sendAll(socket, acks === 'each' ? answers : answers.slice(-2))
  }

  function refused({ ref, code = 'without a code', retryable }: Received): void {
    if (refusals === 'count' && code === 'overloaded' && ref !== undefined) {
      return pair.refuse(ref, performance.now())
    }
    const { errors } = recording.tally
    errors[code] = (errors[code] ?? 0) + 1
    const again = ref === undefined ? undefined : pair.again(ref)
    if (!retryable || (ref !== undefined && again === undefined))
      return onBroken(`the server answered ${code}`)
    setTimeout(() => {
      if (again !== undefined) writerSocket.send(again)
      // Acknowledgements have no ref. The range that reaches furthest covers all that were refused.
      else sendAll(readerSocket, pair.acknowledgements())
    }, 1000)
  }

  const [writerSocket, readerSocket] = await Promise.all([
    openSocket(url, writer.token, atWriter, onBroken),
    openSocket(url, reader.token, atReader, onBroken),
  ])
  const party: Party = {
    pair,
    sockets: [writerSocket, readerSocket],
    write: (count, due = performance.now()) => {
      sendAll(
        writerSocket,
        Array.from({ length: count }, () => pair.compose(due)),
      )
    },
  }
  return party
}

/** Resolves when the socket is `live`. */
function openSocket(
  url: string,
  token: string,
  onFrames: (frames: readonly Received[], socket: WebSocket) => void,
  onBroken: (reason: string) => void,
): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/v1/ws?device=${DEVICE}`, 'triptick.v1', {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
    skipUTF8Validation: true,
  })
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', (code, reason) => {
      if (code !== 1000) onBroken(`a socket was closed (${code} ${reason})`)
    })
    socket.on('message', (data) => {
      const parsed = JSON.parse(String(data)) as Received | readonly Received[]
      const frames = Array.isArray(parsed) ? (parsed as readonly Received[]) : [parsed as Received]
      if (frames.some(({ t }) => t === 'live')) resolve(socket)
      onFrames(frames, socket)
    })
  })
}

export async function closeSockets(parties: readonly Party[]): Promise<void> {
  const closing = parties.flatMap(({ sockets }) =>
    sockets.map((socket) => {
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.close(1000)
      return closed
    }),
  )
  await Promise.all(closing)
}
