/** What all commands of `triptick` have in common: the version, help everywhere, exit codes and how problems are told. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { z } from 'zod'
import { packageRoot } from '../runtime/package-root.ts'
import { StartProblem } from '../runtime/problem.ts'

export type Register = (program: Command) => void

export function createProgram(commands: readonly Register[]): Command {
  const program = new Command('triptick')
    .description('A message ledger: sent, delivered and read as facts of an append-only ledger.')
    .version(version(), '-V, --version')
    .helpOption('-h, --help', 'help, also for every command')
    .showHelpAfterError('(add --help for the options)')
    .addHelpText('after', EXIT_CODES)
    // Inherited by the commands below, so it comes before them.
    .exitOverride()
  for (const register of commands) register(program)
  registerHelp(program)
  return program
}

/** In the place of commander's own, which shows the help of everything for a command that does not exist, and does not say so. */
function registerHelp(program: Command): void {
  program
    .helpCommand(false)
    .command('help')
    .description('help for a command')
    .argument('[command...]')
    .action((names: readonly string[]) => {
      let found = program
      for (const name of names) {
        found =
          found.commands.find((command) => command.name() === name) ??
          program.error(`error: unknown command '${names.join(' ')}'`)
      }
      found.help()
    })
}

const EXIT_CODES = `
Exit codes: 0 done (start: stopped in order, by Ctrl-C too), 1 something is in the way,
2 wrong usage or setting, 130 interrupted.
Data goes to standard output; logs and progress to standard error.`

/** Sets the exit code of the process: 0 done, 1 something is in the way (or a bug), 2 wrong usage or setting. */
export async function run(program: Command, argv: readonly string[]): Promise<void> {
  // A reader that has gone (`| head`) is no reason to fall.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
  try {
    await program.parseAsync(argv)
  } catch (error) {
    process.exitCode = tell(error)
    // Something half-open must not keep a failed command alive.
    if (process.exitCode !== 0) process.exit()
  }
}

function tell(error: unknown): number {
  // commander has said it already; help and version are no errors
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof StartProblem) {
    console.error(error.message)
    return error.exitCode
  }
  console.error(error)
  return 1
}

function version(): string {
  const text = readFileSync(join(packageRoot, 'package.json'), 'utf8')
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version
}
