/** The page at `/docs/frames`: every frame with its fields and an example, error codes, close codes and limits. Plain HTML. */
import { CLOSE_CODES, ERRORS } from '../../protocol/errors.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { CLIENT_FRAMES, clientFrameSchemas, SERVER_FRAMES, serverFrameSchemas } from './frames.ts'
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts'
import { EXAMPLE_WORLD } from './world.ts'

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; color: #1c2024; background: #fff }
  code, pre { font: 14px/1.45 ui-monospace, monospace }
  pre { background: #f3f4f6; padding: .75rem; overflow-x: auto; border-radius: .375rem }
  table { border-collapse: collapse; width: 100%; margin: .5rem 0 }
  section { overflow-x: auto }
  th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #d9dde2 }
  h3 { margin: 2rem 0 .25rem } h3 code { font-size: 1.125rem } nav a { margin-right: .75rem }
  a { color: #0b57b7 }
  @media (prefers-color-scheme: dark) {
    body { color: #e6e8eb; background: #15181b } pre { background: #22272c } th, td { border-color: #3a4149 } a { color: #86b7ff }
  }`

/** What a client does that was closed with it. `docs/errors.md` says more. */
const CLOSED: { readonly [Name in keyof typeof CLOSE_CODES]: string } = {
  goingAway: 'The server stops. Connect again after `welcome.retryAfterMs`, to any node.',
  tooLarge: 'A frame had more than `frameBytes`. Correct the client; connecting again is fine.',
  drain: 'Connect again after the `retryAfterMs` in the reason.',
  badFrames: 'Too many malformed frames. Correct the client; do not connect again by itself.',
  authenticationEnded: 'The token has ended. Get a new one and connect again.',
  tooSlow: 'This reader did not keep up. Connect again: what was missed comes first.',
  replaced: 'The same device connected again. Do not connect again: the newer socket is in charge.',
  version: 'This version of the protocol is no longer spoken. Update the client.',
}

export function framesPage(): string {
  const client = [...clientFrameSchemas].map(([type, schema]) => {
    const { example, answer } = CLIENT_FRAMES[type as keyof typeof CLIENT_FRAMES]
    return section(`client-${type}`, type, jsonSchemaOf(schema), example(EXAMPLE_WORLD), answer)
  })
  const server = [...serverFrameSchemas].map(([type, schema]) => {
    const example = SERVER_FRAMES[type as keyof typeof SERVER_FRAMES]
    return section(`server-${type}`, type, jsonSchemaOf(schema), example(EXAMPLE_WORLD))
  })
  const errors = Object.entries(ERRORS).map(([code, { status, title, retryable }]) =>
    row(`<code>${code}</code>`, String(status), retryable ? 'yes' : 'no', escaped(title)),
  )
  const closes = Object.entries(CLOSE_CODES).map(([name, code]) =>
    row(String(code), `<code>${name}</code>`, prose(CLOSED[name as keyof typeof CLOSE_CODES])),
  )
  const limits = Object.entries(LIMITS).map(([name, value]) => row(`<code>${name}</code>`, String(value)))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Triptick: the frames</title>
<style>${STYLE}</style>
</head>
<body>
<h1>The frames of <code>/v1/ws</code></h1>
<p>Text frames, JSON: one object, or an array of objects, in order. Subprotocol <code>triptick.v1</code>. Unknown fields are
ignored by both sides. The same as <a href="/docs/asyncapi.json">AsyncAPI</a>; beside it there is
<a href="/docs">HTTP</a> (<a href="/docs/openapi.json">OpenAPI</a>).</p>
<nav aria-label="On this page"><a href="#client">From the client</a><a href="#server">From the server</a><a href="#errors">Errors</a>
<a href="#closes">Close codes</a><a href="#limits">Limits</a></nav>
<h2 id="client">From the client</h2>
${client.join('\n')}
<h2 id="server">From the server</h2>
${server.join('\n')}
<h2 id="errors">Error codes</h2>
${table(['code', 'HTTP', 'retryable', 'meaning'], errors)}
<h2 id="closes">Close codes</h2>
${table(['code', 'name', 'what to do'], closes)}
<h2 id="limits">Limits</h2>
${table(['limit', 'value'], limits)}
</body>
</html>
`
}

function section(id: string, type: string, schema: JsonSchema, example: unknown, answer?: string): string {
  const { description = '', properties = {}, required = [] } = schema
  const fields = Object.entries(properties).map(([name, field]) =>
    row(
      `<code>${escaped(name)}</code>${required.includes(name) ? '' : '?'}`,
      `<code>${escaped(kindOf(field))}</code>`,
      prose(field.description ?? ''),
    ),
  )
  const answered =
    answer === undefined ? '' : `<p>Answer: <a href="#server-${answer}"><code>${answer}</code></a></p>`
  return `<section id="${id}"><h3><code>${escaped(type)}</code></h3>
<p>${prose(description)}</p>
${table(['field', 'holds', 'meaning'], fields)}
${answered}
<pre>${escaped(JSON.stringify(example, null, 2))}</pre></section>`
}

/** What a field may hold, in a few words, as TypeScript would write it. */
function kindOf(schema: JsonSchema): string {
  const { const: only, enum: choices, anyOf, oneOf, type = 'any', minimum, maxLength } = schema
  const { properties, required = [], items } = schema
  if (only !== undefined) return JSON.stringify(only)
  if (Array.isArray(choices)) return choices.map((choice) => JSON.stringify(choice)).join(' | ')
  const variants = anyOf ?? oneOf
  if (Array.isArray(variants)) return [...new Set((variants as JsonSchema[]).map(kindOf))].join(' | ')
  if (properties !== undefined) {
    const fields = Object.entries(properties)
    return `{ ${fields.map(([name, field]) => `${name}${required.includes(name) ? '' : '?'}: ${kindOf(field)}`).join(', ')} }`
  }
  if (items !== undefined) {
    const isUnion = items.anyOf !== undefined || items.oneOf !== undefined || items.enum !== undefined
    return isUnion ? `(${kindOf(items)})[]` : `${kindOf(items)}[]`
  }
  if (type === 'integer' && typeof minimum === 'number' && minimum >= 0) return `integer ≥ ${minimum}`
  if (typeof maxLength === 'number') return `${String(type)} ≤ ${maxLength}`
  return String(type)
}

const row = (...cells: readonly string[]): string =>
  `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`

const table = (head: readonly string[], rows: readonly string[]): string =>
  `<table><thead><tr>${head.map((cell) => `<th scope="col">${cell}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`

/** Text of the schemas, in which what stands between backticks is code. */
const prose = (text: string): string => escaped(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>')

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
