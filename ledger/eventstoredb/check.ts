/** Whether an EventStoreDB lets us in, asked before anything is started in vain. Keeps no connection. */
import { startProblem } from '../../runtime/problem.ts'
import { createEventStoreLedger } from './ledger.ts'

/** Milliseconds of each of a few attempts: a server that is silent is told of after some ten seconds. */
const ANSWER_MS = 2_000

/** Rejects with a `StartProblem` if the end of the ledger can't be read now. */
export async function checkEventStore(url: string, answerMs = ANSWER_MS): Promise<void> {
  try {
    const ledger = createEventStoreLedger({ url, readTimeoutMs: answerMs })
    await ledger.head().finally(() => ledger.close())
  } catch (error) {
    throw startProblem(
      `EventStoreDB at ${hostsOf(url)} does not let us in: ${error instanceof Error ? error.message : String(error)}`,
      'Check LEDGER_URL and that the server is running.',
      error,
    )
  }
}

/** Hosts and ports for people to read: no user, no password. */
const hostsOf = (url: string): string => url.replace(/^.*?:\/\/(.*@)?/, '').replace(/[/?].*$/, '')
