/** Reads a trace of real conversations: tab separated, gzipped or not, in the order of time. Sends nothing, changes no text. */
import { createReadStream } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import { createGunzip } from 'node:zlib'
import { longerThan } from '../../protocol/fields.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { StartProblem } from '../../runtime/problem.ts'

export interface TraceMessage {
  /** Seconds since the beginning of the trace. */
  readonly at: number
  /** Index into `people`. */
  readonly from: number
  /** Absent in a group. */
  readonly to?: number
  readonly text: string
}

export interface Trace {
  readonly kind: 'direct' | 'group'
  readonly people: readonly string[]
  readonly messages: readonly TraceMessage[]
  /** Rows that cannot be sent, because their text is empty or over the limit. */
  readonly skipped: number
}

const MINUTE = 60
const DAY = 24 * 60 * MINUTE

/**
 * Two formats, told apart by their first column:
 * - `unix time, sender, recipient`: one direct conversation a pair, without text
 * - `yyyy-mm-dd, minute of the day, sender, text`: one group; the days are put one behind the other
 * Rejects with a `StartProblem`: of a row that is neither it says the line, what is wrong with it and what was wanted; a file that
 * cannot be read, or has no message, is told too.
 */
export async function readTrace(file: string, limit = Number.POSITIVE_INFINITY): Promise<Trace> {
  const people = new Map<string, number>()
  const indexOf = (name: string): number => {
    const known = people.get(name)
    if (known !== undefined) return known
    people.set(name, people.size)
    return people.size - 1
  }
  const messages: TraceMessage[] = []
  const days: string[] = []
  let kind: Trace['kind'] | undefined
  let skipped = 0
  let number = 0
  let first: number | undefined

  for await (const line of linesOf(file)) {
    number++
    if (messages.length >= limit) break
    if (line === '') continue
    kind ??= /^\d{4}-\d\d-\d\d\t/.test(line) ? 'group' : 'direct'
    const row = kind === 'group' ? groupRow(line, days) : directRow(line, number)
    if ('fault' in row) throw badRow(`${file}, line ${number}: ${row.fault}`, kind)
    if (row.text === '' || longerThan(row.text, LIMITS.textCharacters)) {
      skipped++
      continue
    }
    first ??= row.at
    const { to } = row
    messages.push({
      at: row.at - first,
      from: indexOf(row.from),
      ...(to === undefined ? {} : { to: indexOf(to) }),
      text: row.text,
    })
  }
  // Nothing would be lost of nothing: an empty file, or half a download, is no replay that has passed.
  if (kind === undefined || messages.length === 0)
    throw notPlayable(`${file} has no message that can be sent`)
  return { kind, people: [...people.keys()], messages, skipped }
}

const notPlayable = (problem: string, cause?: unknown) =>
  new StartProblem([{ problem, fix: 'Give a trace as `npx triptick replay-trace --help` has it.' }], 2, cause)

const badRow = (problem: string, kind: Trace['kind']) =>
  new StartProblem(
    [{ problem, fix: `${WANTED[kind]} \`npx triptick replay-trace --help\` has the other format too.` }],
    2,
  )

const WANTED: Readonly<Record<Trace['kind'], string>> = {
  direct: 'Each row is: unix time, sender, recipient, with tabs between, like 1082040961<tab>1<tab>2.',
  group:
    'Each row is: yyyy-mm-dd, minute of day, sender, text, with tabs between, like 2004-11-15<tab>700<tab>u1<tab>Tea?',
}

/** Why a line is no row; never what stands in it. */
interface Fault {
  readonly fault: string
}

interface Row {
  readonly at: number
  readonly from: string
  readonly to?: string
  readonly text: string
}

function directRow(line: string, number: number): Row | Fault {
  const [time = '', from, to] = line.split('\t')
  if (!/^\d+$/.test(time)) return { fault: 'its first column is no unix time in whole seconds' }
  if (!from) return { fault: 'it has no sender in its second column' }
  if (!to) return { fault: 'it has no recipient in its third column' }
  return { at: Number(time), from, to, text: `message ${number} of the trace` }
}

/** The text is the rest of the line, tabs included. */
function groupRow(line: string, days: string[]): Row | Fault {
  const [day = '', minute = '', from, ...rest] = line.split('\t')
  if (!/^[\d-]+$/.test(day)) return { fault: 'its first column is no day' }
  if (!/^\d+$/.test(minute)) return { fault: 'its second column is no minute of the day in digits' }
  if (!from) return { fault: 'it has no sender in its third column' }
  if (rest.length === 0) return { fault: 'it has no text in its fourth column' }
  const text = rest.join('\t')
  if (days.at(-1) !== day) days.push(day)
  return { at: (days.length - 1) * DAY + Number(minute) * MINUTE, from, text }
}

/** Split at line feeds only: other control characters, which `readline` takes for ends of lines, belong to the texts. */
async function* linesOf(file: string): AsyncIterable<string> {
  const source = createReadStream(file)
  const stream = file.endsWith('.gz') ? source.pipe(createGunzip()) : source
  source.on('error', (error) => stream.destroy(error))
  const decoder = new StringDecoder('utf8')
  let rest = ''
  try {
    for await (const chunk of stream) {
      const lines = (rest + decoder.write(chunk as Buffer)).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
    }
  } catch (error) {
    throw notPlayable(`${file} cannot be read: ${(error as Error).message}`, error)
  }
  rest += decoder.end()
  if (rest !== '') yield rest
}
