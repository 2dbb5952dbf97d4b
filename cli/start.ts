/** `triptick start`: everything on this machine, or single roles of a larger deployment. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { RoleLoader } from '../runtime/processes/run-roles.ts'
import { ROLE_NAMES, type RoleName } from '../runtime/role.ts'
import { loadRole } from './roles.ts'
import { settings } from './settings.ts'

interface StartOptions {
  readonly role?: readonly RoleName[]
  readonly supervised?: true
}

/** @param load other roles than ours, in tests. */
export function registerStart(program: Command, load: RoleLoader = loadRole): void {
  program
    .command('start')
    .description('start Triptick: all of it on this machine, or single roles of a larger deployment')
    .option('--role <names>', `only these, comma-separated: ${ROLE_NAMES.join(', ')}`, parseRoles)
    .addOption(new Option('--supervised', 'under a supervisor').hideHelp())
    .addHelpText('after', HELP)
    .action(async (options: StartOptions) => {
      process.exitCode = await start(options, load)
      // Whatever a role may have left open must not keep a process alive that everybody believes to be down.
      process.exit()
    })
}

const HELP = `
Without --role it needs nothing: an embedded PostgreSQL keeps everything in ./.triptick.
With --role it needs DATABASE_URL, TRIPTICK_MASTER_KEY and TRIPTICK_JWT_SECRET (or TRIPTICK_JWKS_URL).

Stop it with Ctrl-C or SIGTERM; a second Ctrl-C stops at once.

Examples:
  npx triptick start
  PORT=9000 TRIPTICK_DATA=/var/lib/triptick npx triptick start
  npx triptick start --role projections,workers`

async function start({ role, supervised }: StartOptions, load: RoleLoader): Promise<number> {
  if (role !== undefined && supervised) {
    const { runSupervised } = await import('../runtime/processes/supervised.ts')
    return await runSupervised(role, load)
  }
  const config = settings()
  const checkLedger = async () => (await import('../ledger/open.ts')).checkLedger(config.ledgerUrl)
  const print = (line: string) => console.log(line)
  if (role !== undefined) {
    const { runAlone } = await import('../runtime/processes/alone.ts')
    return await runAlone(role, config, load, checkLedger, print)
  }
  const { supervise } = await import('../runtime/processes/supervisor.ts')
  return await supervise({
    config,
    program: process.argv[1] ?? '',
    argsFor: (roles) => ['start', '--supervised', '--role', roles.join(',')],
    checkLedger,
    print,
  })
}

function parseRoles(text: string): readonly RoleName[] {
  const names = [...new Set(text.split(',').map((name) => name.trim()))]
  const known = (name: string): name is RoleName => (ROLE_NAMES as readonly string[]).includes(name)
  if (!names.every(known))
    throw new InvalidArgumentError(`It must be one or more of ${ROLE_NAMES.join(', ')}.`)
  return names
}
