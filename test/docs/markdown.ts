/** Reads the parts of our Markdown that tests tie to the code: sections and tables. Checks nothing. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../runtime/package-root.ts'

export const readDoc = (name: string): string => readFileSync(join(packageRoot, 'docs', name), 'utf8')

/** The text below a heading, up to the next one of the same or a higher level. */
export function section(markdown: string, heading: string): string {
  const level = /^#+/.exec(heading)?.[0].length ?? 0
  const lines = markdown.split('\n')
  const start = lines.indexOf(heading)
  if (start < 0) throw new Error(`there is no heading "${heading}"`)
  const rest = lines.slice(start + 1)
  const end = rest.findIndex((line) => new RegExp(`^#{1,${level}} `).test(line))
  return (end < 0 ? rest : rest.slice(0, end)).join('\n')
}

/** The rows of the table whose first column has this title, as cells. */
export function table(markdown: string, firstColumn: string): string[][] {
  const lines = markdown.split('\n')
  const head = lines.findIndex((line) => line.startsWith(`| ${firstColumn} |`))
  if (head < 0) throw new Error(`there is no table "${firstColumn}"`)
  const rest = lines.slice(head + 2)
  const end = rest.findIndex((line) => !line.startsWith('|'))
  return (end < 0 ? rest : rest.slice(0, end)).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('\\|', '|')),
  )
}

/** What stands between the backticks of a cell. */
export const code = (cell: string | undefined): string => /^`([^`]+)`/.exec(cell ?? '')?.[1] ?? ''
