import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../runtime/package-root.ts'

const text = readFileSync(join(packageRoot, 'docs', 'guarantees.md'), 'utf8')
const rows = text.split('\n').filter((line) => line.startsWith('| ') && !/^\| (promise|---)/.test(line))
const links = [...text.matchAll(/\[([^\]]+)\]\(\.\.\/(test\/[^)]+)\)/g)].map(
  ([, name, file]) => [name, file] as const,
)

test('every promise names the test that proves it', () => {
  expect(rows.length).toBeGreaterThan(30)
  for (const row of rows) expect(row).toMatch(/\]\(\.\.\/test\//)
})

test.each(links)('there is a test "%s" in %s', (name, file) => {
  expect(readFileSync(join(packageRoot, file as string), 'utf8')).toContain(`test('${name}'`)
})
