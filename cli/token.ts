/** `triptick token <user>`: a token of one's own making, to try things out. Talks to no server and registers nobody. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { signToken } from '../api/auth/sign-token.ts'
import { knownJwtSecret } from '../runtime/secrets.ts'
import { settings } from './settings.ts'

const ROLES = ['user', 'analyst', 'support', 'admin'] as const
/** As the claim (`api/auth/identity.ts`): a token with a longer one would be refused. */
const NAME_CHARACTERS = 256
const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const

interface TokenOptions {
  readonly roles?: readonly string[]
  readonly name?: string
  readonly ttl: number
  readonly json?: true
}

export function registerToken(program: Command): void {
  program
    .command('token')
    .description(
      'print a token that lets <user> in, signed with TRIPTICK_JWT_SECRET or the secret of the data folder',
    )
    .argument('<user>', 'user id: 1 to 128 of letters, digits and . _ : @ -', parseUser)
    .option(
      '--roles <names>',
      `comma-separated: ${ROLES.join(', ')} (default: user); those of staff open nothing more yet`,
      parseRoles,
    )
    .option(
      '--name <name>',
      'the name in the token, 1 to 256 characters; it is shown to nobody yet',
      parseName,
    )
    .addOption(
      new Option(
        '--ttl <duration>',
        'how long it is valid: a number up to 999999 and s, m, h or d, like 90s, 15m, 12h, 7d',
      )
        .argParser(parseDuration)
        .default(12 * SECONDS.h, '12h'),
    )
    .option('--json', 'print an object with the token and when it expires')
    .addHelpText('after', HELP)
    .action(async (user: string, options: TokenOptions) => {
      const expires = Math.floor(Date.now() / 1000) + options.ttl
      const config = settings()
      const { name, roles } = options
      const signing = { ...config, jwtSecret: knownJwtSecret(config) }
      const token = await signToken(
        signing,
        user,
        { ...(name === undefined ? {} : { name }), ...(roles === undefined ? {} : { roles }) },
        expires,
      )
      console.log(
        options.json
          ? JSON.stringify({ token, user, expiresAt: new Date(expires * 1000).toISOString() })
          : token,
      )
    })
}

const HELP = `
The data folder has its secret once Triptick has been started.

Example:
  curl -H "Authorization: Bearer $(npx triptick token alice)" http://127.0.0.1:8080/v1/inbox`

function parseUser(text: string): string {
  if (/^[\w.:@-]{1,128}$/.test(text)) return text
  throw new InvalidArgumentError('It must be 1 to 128 of letters, digits and . _ : @ -')
}

function parseName(text: string): string {
  if (text !== '' && text.length <= NAME_CHARACTERS) return text
  throw new InvalidArgumentError(`It must have 1 to ${NAME_CHARACTERS} characters.`)
}

function parseRoles(text: string): readonly string[] {
  const roles = text.split(',').map((role) => role.trim())
  if (roles.every((role) => (ROLES as readonly string[]).includes(role))) return roles
  throw new InvalidArgumentError(`It must be one or more of ${ROLES.join(', ')}.`)
}

function parseDuration(text: string): number {
  const [, amount, unit] = /^([1-9]\d{0,5})([smhd])$/.exec(text) ?? []
  if (amount === undefined || unit === undefined)
    throw new InvalidArgumentError('It must be like 90s, 15m, 12h or 7d.')
  return Number(amount) * SECONDS[unit as keyof typeof SECONDS]
}
