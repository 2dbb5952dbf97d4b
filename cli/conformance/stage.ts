/** What a check plays on: fresh people of the system under test, on one or several of its nodes. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Device, openDevice } from './device.ts'
import type { Frame } from './message.ts'
import type { Tokens } from './tokens.ts'

export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: Frame
}

export interface Person {
  readonly userId: string
  readonly token: string
  /** A device of this person, live unless `hasty`. */
  connect(options?: { readonly device?: string; readonly hasty?: boolean }): Promise<Device>
  call(method: string, path: string, body?: object): Promise<Answer>
}

export interface Stage {
  readonly tokens: Tokens
  /** `http://host:port` of the nodes; people are spread over them. */
  readonly urls: readonly string[]
  readonly patienceMs: number
  people<const Names extends readonly string[]>(...names: Names): Promise<{ [I in keyof Names]: Person }>
  /** Starts a conversation of these people; resolves with its id. */
  direct(by: Person, other: Person): Promise<string>
  group(by: Person, others: readonly Person[], title?: string): Promise<string>
  /** Asks without a token, or with any. */
  call(
    method: string,
    path: string,
    options?: { readonly token?: string; readonly body?: object },
  ): Promise<Answer>
  open(options?: Partial<Parameters<typeof openDevice>[0]>): Promise<Device>
  /** Waits until a question has the wanted answer: what is projected takes a moment. */
  until<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T>
}

export interface StageOptions {
  readonly tokens: Tokens
  readonly urls: readonly string[]
  readonly patienceMs: number
}

/** @returns also how to clear it: every socket that was opened is closed. */
export function createStage({ tokens, urls, patienceMs }: StageOptions) {
  const devices: Device[] = []
  let turn = 0
  const nextUrl = (): string => urls[turn++ % urls.length] as string

  async function open(options: Partial<Parameters<typeof openDevice>[0]> = {}): Promise<Device> {
    const url = (options.url ?? nextUrl()).replace(/^http/, 'ws')
    const device = await openDevice({ userId: '', patienceMs, ...options, url })
    devices.push(device)
    return device
  }

  async function call(
    method: string,
    path: string,
    { token, body }: { readonly token?: string; readonly body?: object } = {},
  ): Promise<Answer> {
    const request = {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    }
    const end = Date.now() + patienceMs
    let response = await fetch(new URL(path, nextUrl()), request)
    // As a careful client: again, when the server says.
    while (response.headers.has('retry-after') && Date.now() < end) {
      await response.arrayBuffer()
      await sleep(Number(response.headers.get('retry-after')) * 1000)
      response = await fetch(new URL(path, nextUrl()), request)
    }
    const text = await response.text()
    const contentType = response.headers.get('content-type') ?? ''
    return {
      status: response.status,
      contentType,
      body: contentType.includes('json') ? JSON.parse(text) : { text },
    }
  }

  async function person(name: string): Promise<Person> {
    const { userId, token } = await tokens.person(name)
    return {
      userId,
      token,
      connect: async ({ device, hasty } = {}) => {
        const headers = { authorization: `Bearer ${token}` }
        const connected = await open({ userId, headers, ...(device === undefined ? {} : { device }) })
        if (!hasty) await connected.get({ t: 'live' })
        return connected
      },
      call: (method, path, body) => call(method, path, { token, ...(body ? { body } : {}) }),
    }
  }

  async function begin(by: Person, request: object): Promise<string> {
    const { status, body } = await by.call('POST', '/v1/conversations', request)
    assert.ok(status === 201 || status === 200, `no conversation: ${status} ${JSON.stringify(body)}`)
    return body.conversationId
  }

  const stage: Stage = {
    tokens,
    urls,
    patienceMs,
    people: async (...names) => (await Promise.all(names.map(person))) as never,
    direct: (by, other) => begin(by, { kind: 'direct', members: [other.userId] }),
    group: (by, others, title) =>
      begin(by, {
        kind: 'group',
        members: others.map(({ userId }) => userId),
        ...(title === undefined ? {} : { title }),
      }),
    call,
    open,
    until: async (what, ask) => {
      const end = Date.now() + patienceMs
      for (;;) {
        const answer = await ask()
        if (answer !== undefined && answer !== false) return answer as never
        assert.ok(Date.now() < end, `${what}: not within ${patienceMs} ms`)
        await sleep(50)
      }
    },
  }
  return {
    stage,
    clear: () => {
      for (const { socket } of devices) socket.terminate()
    },
  }
}
