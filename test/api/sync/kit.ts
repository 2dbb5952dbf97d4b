/** Two nodes, and people whose devices poll and post frames instead of holding a socket. */
import { afterAll, beforeAll, expect } from 'vitest'
import { call, createCast, type Frame } from '../../support/chat.ts'
import { type System, startSystem } from '../../support/system.ts'

export interface Page {
  readonly frames: Frame[]
  readonly position: string
  readonly more: boolean
}

interface Asked {
  readonly after?: string
  readonly wait?: number
  readonly device?: string
  readonly node?: number
}

/** Runs from before the first test of the file to after its last. */
export function createSyncScene() {
  let system: System
  const url = (node = 0) => system.urls[node] as string

  beforeAll(async () => {
    system = await startSystem({ apiNodes: 2, workers: false })
  })
  // Undefined where the start has failed: that is the error to be seen.
  afterAll(() => (system as System | undefined)?.stop())

  async function poll(userId: string, { node, ...query }: Asked = {}): Promise<Page> {
    const asked = new URLSearchParams(
      Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]),
    )
    const { status, body } = await call(url(node), userId, 'GET', `/v1/sync?${asked}`)
    expect(status, JSON.stringify(body)).toBe(200)
    return body as Page
  }

  async function post(userId: string, frames: Frame[], device = 'default', node = 0) {
    const { status, body } = await call(url(node), userId, 'POST', '/v1/sync', { device, frames })
    expect(status, JSON.stringify(body)).toBe(200)
    return body.frames as Frame[]
  }

  return { system: () => system, url, people: createCast(), poll, post }
}

export const kinds = (frames: readonly Frame[]) =>
  frames.map(({ t, seq, kind, upTo }) =>
    [t, seq ?? (t === 'receipt' ? `${kind} ${upTo}` : '')].join(' ').trim(),
  )
