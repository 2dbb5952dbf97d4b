/** The query of a URL, before a schema has seen it. */
import { parse } from 'node:querystring'

/** An empty value says nothing: `?after=&limit=20` asks for the first twenty. */
export const parseQuery = (text: string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(parse(text)).filter(([, value]) => value !== ''))
