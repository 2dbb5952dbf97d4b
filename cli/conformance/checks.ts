/** Every check, in the order of the protocol. */
import type { Area } from './check.ts'
import { accounts } from './checks/accounts.ts'
import { connection } from './checks/connection.ts'
import { groups } from './checks/groups.ts'
import { http } from './checks/http.ts'
import { identity } from './checks/identity.ts'
import { limits } from './checks/limits.ts'
import { messages } from './checks/messages.ts'
import { presence } from './checks/presence.ts'
import { receipts } from './checks/receipts.ts'
import { returning } from './checks/returning.ts'
import { search } from './checks/search.ts'
import { sync } from './checks/sync.ts'
import { temporary } from './checks/temporary.ts'

export const AREAS: readonly Area[] = [
  identity,
  accounts,
  connection,
  messages,
  receipts,
  returning,
  groups,
  http,
  presence,
  search,
  sync,
  temporary,
  limits,
]
