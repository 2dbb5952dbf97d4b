/** The HTTP hooks of the limits: by network before anything is looked at, by person once it is known who asks, and for how many. */
import type { FastifyRequest } from 'fastify'
import type { UserId } from '../../domain/ids.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiProblem } from '../problem.ts'

type Deps = Pick<ApiDeps, 'rateLimits'>

const refuse = (what: string, waitMs: number): void => {
  if (waitMs > 0) throw new ApiProblem('rate_limited', `too many ${what}`, waitMs)
}

export const limitNetwork =
  ({ rateLimits }: Deps) =>
  async (request: FastifyRequest): Promise<void> =>
    refuse('requests from this address', rateLimits.anonymous(request.ip, performance.now()))

/** Behind `requireBearer`. */
export const limitPerson =
  ({ rateLimits }: Deps) =>
  async ({ identity }: FastifyRequest): Promise<void> => {
    if (identity) refuse('requests of this person', rateLimits.request(identity.sub, performance.now()))
  }

/** Once the body is known. @throws ApiProblem */
export const limitPeople = ({ rateLimits }: Deps, by: UserId, named: readonly UserId[]): void =>
  refuse('people in requests of this person', rateLimits.people(by, named.length, performance.now()))

export const limitConnections =
  ({ rateLimits }: Deps) =>
  async (request: FastifyRequest): Promise<void> =>
    refuse('connections from this address', rateLimits.connection(request.ip, performance.now()))
