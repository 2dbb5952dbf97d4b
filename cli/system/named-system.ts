/** A system that is named on the command line: its address as it is typed, and whether somebody answers there. */
import { StartProblem } from '../../runtime/problem.ts'

/** @returns `http://host:port`, for `ws:` too. @throws StartProblem if it is none, or has a path, which would be left out. */
export function addressOf(typed: string): string {
  const url = URL.canParse(typed) ? new URL(typed) : undefined
  if (!url || !/^(ws|http)s?:$/.test(url.protocol)) {
    throw new StartProblem(
      [{ problem: `${typed} is no URL`, fix: 'Give one like http://127.0.0.1:8080.' }],
      2,
    )
  }
  const address = url.origin.replace(/^ws/, 'http')
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    const fix = `All of Triptick is at the root of its address: give ${address}, or one that leads there.`
    throw new StartProblem([{ problem: `${typed} has a path`, fix }], 2)
  }
  return address
}

/**
 * The status of the answer, once all of it is there; nothing if there is none in time. With a timer of its own, which keeps the process
 * alive: `fetch` of Node 20 waits for ever, and for nothing that does, where its connection is taken and ended at once.
 */
export async function statusOf(url: URL, withinMs: number): Promise<number | undefined> {
  const giveUp = new AbortController()
  const timer = setTimeout(() => giveUp.abort(), withinMs)
  try {
    const response = await fetch(url, { signal: giveUp.signal })
    await response.arrayBuffer()
    return response.status
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
}
