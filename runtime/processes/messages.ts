/** What a supervisor and its child processes say to each other over Node's IPC channel. */
import { z } from 'zod'

/** Supervisor to child. The database may come up while the child still loads its code, so its settings follow later. */
export const ToChild = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('start'),
    environment: z.record(z.string(), z.string()),
    /** It weighs less than the others where cores are short; and, where Postgres is ours, so do Postgres' processes of its connections that say so. */
    goesAfterOthers: z.enum(['process', 'process and backends']).exactOptional(),
  }),
  z.object({ kind: z.literal('stop') }),
])
export type ToChild = z.infer<typeof ToChild>
export type StartOrder = Extract<ToChild, { kind: 'start' }>

const Problem = z.object({ setting: z.string().exactOptional(), problem: z.string(), fix: z.string() })

/** Child to supervisor. `failed`: starting again would not help, a person must do something. */
export const ToSupervisor = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready'), address: z.string().exactOptional() }),
  z.object({
    kind: z.literal('failed'),
    problems: z.array(Problem),
    exitCode: z.union([z.literal(1), z.literal(2)]),
  }),
])
export type ToSupervisor = z.infer<typeof ToSupervisor>
