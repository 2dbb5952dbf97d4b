/** `docs/events.md` describes every event type and every field in the ledger, and none that is not there. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { ConversationId, UserId } from '../../domain/ids.ts'
import { EVENT_SCHEMAS } from '../../ledger/codec/schemas.ts'
import { conversationStream, deliveryStream, userStream } from '../../ledger/streams.ts'
import { packageRoot } from '../../runtime/package-root.ts'
import { code, readDoc, section, table } from './markdown.ts'

const GOLDEN = join(packageRoot, 'test', 'fixtures', 'events')

interface Recorded {
  readonly stream: string
  readonly type: string
  readonly metadata: Readonly<Record<string, string>>
}
interface Golden {
  readonly cases: readonly { readonly recorded: Recorded }[]
}
const golden = (name: string) => JSON.parse(readFileSync(join(GOLDEN, name), 'utf8')) as Golden

const page = readDoc('events.md')
const types = Object.entries(EVENT_SCHEMAS).map(([type, schema]) => ({ type, ...schema }))
const streams = ['conversation', 'delivery', 'user'].map((name) => ({
  name,
  text: section(page, `## Stream \`${name}-<id>\``),
}))
const headings = (text: string) => [...text.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading ?? '')

test('every event type has a section, in the part of its stream, and no other has', () => {
  expect(streams.flatMap(({ text }) => headings(text))).toEqual(types.map(({ type }) => type))
  const names = [conversationStream, deliveryStream].map((nameOf) => nameOf('<id>' as ConversationId))
  expect([...names, userStream('<id>' as UserId)]).toEqual(streams.map(({ name }) => `${name}-<id>`))
  for (const { recorded } of readdirSync(GOLDEN).flatMap((name) => golden(name).cases)) {
    const part = streams.find(({ name }) => recorded.stream.startsWith(`${name}-`))
    expect(headings(part?.text ?? ''), recorded.stream).toContain(recorded.type)
  }
})

test.each(types)('the fields of $type are described as they are stored', ({ type, version, data }) => {
  const text = section(page, `### ${type}`)
  expect(text).toMatch(new RegExp(`^Version ${version}\\. \\S`, 'm'))
  const rows = table(text, 'field')
  const schema = z.toJSONSchema(data, { io: 'input' })
  const required = new Set(schema.required)
  const fields = Object.keys(schema.properties ?? {})
  expect(rows.map(([name]) => name)).toEqual(
    fields.map((field) => (required.has(field) ? `\`${field}\`` : `\`${field}\` (optional)`)),
  )
  expect(rows.filter(([, meaning]) => !meaning)).toEqual([])
})

test('the metadata is described as it is stored', () => {
  const stored = readdirSync(GOLDEN).flatMap((name) =>
    golden(name).cases.map(({ recorded }) => Object.keys(recorded.metadata)),
  )
  const rows = table(section(page, '### Metadata'), 'field')
  expect(rows.map(([name]) => code(name)).sort()).toEqual([...new Set(stored.flat())].sort())
  const optional = rows.filter(([name]) => name?.endsWith('(optional)')).map(([name]) => code(name))
  expect(optional).toEqual(
    rows.map(([name]) => code(name)).filter((name) => stored.some((keys) => !keys.includes(name))),
  )
})

test('the example is a real one', () => {
  const example = /```json\n([^`]*)```/.exec(section(page, '## An event as it is recorded'))?.[1] ?? ''
  expect(JSON.parse(example)).toEqual(golden('MessageSent@1.json').cases[0]?.recorded)
})
