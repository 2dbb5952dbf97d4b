/** How the demo looks: at most 100 columns, colours only on terminals that want them. Knows nothing of what it shows. */

export type Tick = 'sent' | 'delivered' | 'read'

export interface Screen {
  title(text: string, aside: string): void
  chapter(text: string): void
  says(name: string, text: string): void
  /** One thing that happened to a message: its tick from now on, what it was, to whom, so long after it was sent. */
  tick(tick: Tick, what: string, who: string, afterMs: number): void
  /** Something around it: people come and go. */
  aside(text: string, afterMs?: number): void
  plain(line: string): void
  blank(): void
}

const WIDTH = 92
const INDENT = '      '
const MARKS: Readonly<Record<Tick, string>> = { sent: '✓ ', delivered: '✓✓', read: '✓✓' }

type Style = 'bold' | 'dim' | 'blue' | 'green'
const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  blue: [94, 39],
  green: [32, 39],
}

/** https://no-color.org: present and not empty, whatever its value. */
export const wantsColour = (env: NodeJS.ProcessEnv, isTerminal: boolean): boolean =>
  isTerminal && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'

export function createScreen(print: (line: string) => void, colour: boolean): Screen {
  const paint = (style: Style, text: string): string =>
    colour ? `\x1b[${CODES[style][0]}m${text}\x1b[${CODES[style][1]}m` : text

  /** `right` ends at the last column; colours do not count. */
  const line = (left: string, length: number, right: string): void => {
    if (right === '') return print(left)
    print(`${left}${' '.repeat(Math.max(2, WIDTH - length - right.length))}${paint('dim', right)}`)
  }

  const duration = (ms: number | undefined): string =>
    ms === undefined ? '' : `${ms < 100 ? ms.toFixed(1) : Math.round(ms).toLocaleString('en-US')} ms`

  return {
    title: (text, aside) => line(`  ${paint('bold', text)}`, text.length + 2, aside),
    chapter: (text) => print(`\n  ${paint('bold', text)}`),
    says: (name, text) => print(`\n    ${paint('bold', name)}  “${text}”`),
    tick: (tick, what, who, afterMs) => {
      const text = `${what.padEnd(11)}${who}`
      const mark = tick === 'read' ? paint('blue', MARKS.read) : MARKS[tick]
      line(`${INDENT}${mark}  ${text}`, INDENT.length + 4 + text.length, duration(afterMs))
    },
    aside: (text, afterMs) => {
      line(
        `${INDENT}${paint('green', '·')}   ${paint('dim', text)}`,
        INDENT.length + 4 + text.length,
        duration(afterMs),
      )
    },
    plain: (text) => print(text),
    blank: () => print(''),
  }
}
