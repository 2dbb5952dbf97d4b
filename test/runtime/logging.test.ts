import { expect, test } from 'vitest'
import { createLogger } from '../../runtime/logging.ts'

test('neither bodies nor secrets get into the log, wherever they stand in it', () => {
  const lines: string[] = []
  const log = createLogger({ level: 'info', process: 'test', to: { write: (line) => lines.push(line) } })
  log.info({
    token: 'HIDDEN',
    frame: { body: 'HIDDEN', seq: 7 },
    req: { headers: { authorization: 'Bearer HIDDEN', cookie: 'HIDDEN' } },
    config: { databaseUrl: 'HIDDEN', masterKey: 'HIDDEN' },
  })
  expect(lines).toHaveLength(1)
  expect(lines[0]).not.toContain('HIDDEN')
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'info', process: 'test', frame: { seq: 7 } })
})
