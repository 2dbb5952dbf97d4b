/** Who is asking: the claims of a valid token. Types and schema only. */
import { z } from 'zod'
import { userId } from '../../domain/fields.ts'
import type { Millis } from '../../domain/ids.ts'

/** The end of time of a JavaScript Date, in seconds. */
const LAST_SECOND = 8.64e12

export const ROLES = ['user', 'analyst', 'support', 'admin'] as const

/** The log-in that a token of a built-in account belongs to; a name that no identity provider uses for anything else. */
export const LOGIN_CLAIM = 'triptickLogin'

/** Claims that we read; others are ignored. `exp` is required and checked by the verifier. */
export const claims = z.object({
  sub: userId,
  exp: z.number().max(LAST_SECOND),
  name: z.string().max(256).optional(),
  [LOGIN_CLAIM]: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional()
    .catch(undefined),
  roles: z.array(z.enum(ROLES)).default(['user']),
})

export type Identity = z.infer<typeof claims>

/** Whether its token has not ended. */
export const isValid = ({ exp }: Pick<Identity, 'exp'>): boolean => exp * 1000 > Date.now()

/** When its token ends, as it is said on the wire. */
export const millisOf = ({ exp }: Pick<Identity, 'exp'>): Millis => Math.floor(exp * 1000) as Millis
