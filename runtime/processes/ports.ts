/** Says in words why a server can't listen. Listens only to find out. */
import { createServer } from 'node:net'
import { StartProblem } from '../problem.ts'

/** Explains an error of `listen`; returns any other error as it is. */
export function explainListenError(error: unknown, port: number, host: string, setting = 'PORT'): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  switch (error.code) {
    case 'EADDRINUSE':
      return listenProblem(
        setting,
        `something else already listens on port ${port} of ${host}`,
        `Stop it, or choose another port: ${setting}=${port + 1}`,
        error,
      )
    case 'EACCES':
      return listenProblem(
        setting,
        `this user may not listen on port ${port}`,
        `Choose a port from 1024 upwards: ${setting}=8080`,
        error,
      )
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return listenProblem(
        'HOST',
        `${host} is not an address of this machine`,
        'Unset HOST for this machine alone, or set HOST=0.0.0.0 for every interface.',
        error,
      )
    default:
      return error
  }
}

function listenProblem(setting: string, problem: string, fix: string, cause: unknown): StartProblem {
  return new StartProblem([{ setting, problem, fix }], 1, cause)
}

/** Rejects with a `StartProblem` if the port is taken, before anything has been started in vain. */
export async function checkPort(port: number, host: string): Promise<void> {
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject)
      server.listen(port, host, resolve)
    })
    await new Promise((resolve) => server.close(resolve))
  } catch (error) {
    throw explainListenError(error, port, host)
  }
}
