/**
 * The contract between a role and the process that runs it. Runs nothing itself.
 *
 * Glossary
 * - role: one of the jobs of a Triptick process: `api`, `projections`, `workers`.
 * - process: `triptick start` runs all roles in two child processes under a supervisor; `--role` runs the named ones alone.
 */
import type { ResolvedConfig } from './config.ts'
import type { Logger } from './logging.ts'
import type { Metrics } from './metrics.ts'

export const ROLE_NAMES = ['api', 'projections', 'workers'] as const
export type RoleName = (typeof ROLE_NAMES)[number]

export interface RoleContext {
  readonly config: ResolvedConfig
  readonly log: Logger
  readonly metrics: Metrics
}

export interface Role {
  /** Where it can be reached (`http://127.0.0.1:8080`), for roles that listen. */
  readonly address?: string
  /** Finishes what is under way and closes everything it opened. Called once. */
  stop(): Promise<void>
}

/**
 * Starts a role; the promise resolves when it is ready to serve. It rejects with a `StartProblem` when a person can put it
 * right, with any other error otherwise (an `EADDRINUSE` of `listen` is explained by the caller). A role that can't go on
 * later throws: the process ends and the supervisor starts it again.
 */
export type StartRole = (context: RoleContext) => Promise<Role>
