/** As whom Postgres runs. PostgreSQL refuses to run as root, so root hands it to a user that can do less. Creates no users. */
import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { startProblem } from '../problem.ts'

export interface SystemUser {
  readonly uid: number
  readonly gid: number
  readonly name: string
}

/** In order of preference; initdb needs an entry in the password file, so the user must exist. */
const UNPRIVILEGED = ['triptick', 'postgres', 'nobody', 'daemon']

/**
 * The user to switch to, or `undefined` when we are not root and Postgres simply runs as ourselves.
 * An existing cluster stays with its owner: a folder that was once started by an ordinary user keeps working for root.
 */
export function userForPostgres(
  cluster: string,
  us = process.getuid?.(),
  passwd = readPasswd(),
): SystemUser | undefined {
  const owner = ownerOf(cluster)
  if (us !== 0) {
    if (owner === undefined || owner === us) return undefined
    const name = passwd.find((user) => user.uid === owner)?.name ?? `uid ${owner}`
    throw startProblem(
      `the database in ${cluster} belongs to the system user ${name}, because it was first started by root or by them`,
      'Start as root again, or set TRIPTICK_DATA to another folder.',
    )
  }
  const found =
    owner !== undefined && owner !== 0
      ? passwd.find((user) => user.uid === owner)
      : UNPRIVILEGED.map((name) => passwd.find((user) => user.name === name && user.uid !== 0)).find(Boolean)
  if (found !== undefined) return found
  throw startProblem(
    'Postgres does not run as root, and there is no system user to run it as',
    'Start as an ordinary user, create a system user `postgres`, or set DATABASE_URL to a Postgres of your own.',
  )
}

function ownerOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.uid
}

function readPasswd(): SystemUser[] {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  return lines.flatMap((line) => {
    const [name, , uid, gid] = line.split(':')
    return name !== undefined && uid !== undefined && gid !== undefined
      ? [{ name, uid: Number(uid), gid: Number(gid) }]
      : []
  })
}

/** Whether `user` can walk down to `path`: every folder above it must let them through, and so must `path` itself. */
export function canReach(path: string, user: SystemUser): boolean {
  const stat = statSync(path)
  const bit = stat.uid === user.uid ? 0o100 : stat.gid === user.gid ? 0o010 : 0o001
  if ((stat.mode & bit) === 0) return false
  const parent = dirname(path)
  return parent === path || canReach(parent, user)
}
