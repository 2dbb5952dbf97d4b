/** Which module starts which role. Loads a module only when its role is wanted. */
import type { RoleLoader } from '../runtime/processes/run-roles.ts'

export const loadRole: RoleLoader = async (name) => {
  switch (name) {
    case 'api':
      return (await import('../api/role.ts')).startApi
    case 'projections':
      return (await import('../projections/role.ts')).startProjections
    case 'workers':
      return (await import('../workers/role.ts')).startWorkers
    default:
      return name satisfies never
  }
}
