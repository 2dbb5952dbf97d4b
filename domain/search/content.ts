/** What of a body is searched, and whom it may mention. Pure. */
import type { Body } from '../body.ts'
import type { UserId } from '../ids.ts'

/** Undefined where there is nothing that a server could read. */
export function searchableText(body: Body): string | undefined {
  switch (body.kind) {
    case 'text':
      return body.text
    case 'media':
      return body.caption === undefined ? body.name : `${body.caption}\n${body.name}`
    case 'sealed':
      return undefined
    default:
      return body satisfies never
  }
}

/** More are left out: a message to that many people is for everybody. */
const MOST_MENTIONS = 100

const AT_ID = /(?<![A-Za-z0-9._:@-])@([A-Za-z0-9._:@-]{1,128})/g
const ID = /^[A-Za-z0-9._:@-]{1,128}$/
const PUNCTUATION = /[._:@-]$/

/**
 * Those who may be meant by `@id` in the text or caption, and those that the client names in `mentions` (the only way for
 * bodies that we cannot open). Ids may end in what is also punctuation, so `@ann.` gives `ann.` and `ann`: who is a member
 * is the one meant.
 */
export function mentionsIn(body: Body): UserId[] {
  const named = (body as { readonly mentions?: unknown }).mentions
  const ids = new Set(
    Array.isArray(named) ? named.filter((id): id is string => typeof id === 'string' && ID.test(id)) : [],
  )
  for (const [, run = ''] of mentioningText(body).matchAll(AT_ID)) {
    let id = run
    ids.add(id)
    while (PUNCTUATION.test(id) && id.length > 1) {
      id = id.slice(0, -1)
      ids.add(id)
    }
    if (ids.size >= MOST_MENTIONS) break
  }
  return [...ids].slice(0, MOST_MENTIONS) as UserId[]
}

function mentioningText(body: Body): string {
  switch (body.kind) {
    case 'text':
      return body.text
    case 'media':
      return body.caption ?? ''
    case 'sealed':
      return ''
    default:
      return body satisfies never
  }
}
