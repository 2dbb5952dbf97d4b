/** Who is asking: the claims of a valid token. Types and schema only. */
import { z } from 'zod'
import { userId } from '../../domain/fields.ts'

export const ROLES = ['user', 'analyst', 'support', 'admin'] as const

/** Claims that we read; others are ignored. `exp` is required and checked by the verifier. */
export const claims = z.object({
  sub: userId,
  exp: z.number(),
  name: z.string().max(256).optional(),
  roles: z.array(z.enum(ROLES)).default(['user']),
})

export type Identity = z.infer<typeof claims>
