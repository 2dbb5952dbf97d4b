/** The reference of `api/routes/auth.ts`. */
import { signedIn } from '../../../protocol/answers.ts'
import type { RouteDescriptions } from '../description.ts'
import { EXAMPLE_AT, EXAMPLE_WORLD } from '../world.ts'

const answer = {
  userId: '3d0e8a94-7c1b-4b62-8f5e-21c9a4d7e6f0',
  token: EXAMPLE_WORLD.token,
  refreshToken: '6f0c1f4e-52b3-4f6e-9a55-0f3c6a1c2d7b.dGhlLW5leHQtb25lLWZvci1vbmUtdXNlLWFuZC1ubw',
  expiresAt: EXAMPLE_AT,
}

const commonErrors = ['not_found', 'rate_limited', 'unavailable'] as const

export const accountReference: RouteDescriptions = {
  'POST /v1/auth/register': {
    id: 'register',
    tag: 'accounts',
    summary: 'Make an account, and log in to it',
    access: 'anybody',
    answers: { 201: { description: 'It is made.', schema: signedIn } },
    errors: ['conflict', 'overloaded', ...commonErrors],
    example: ({ account }) => ({
      body: { name: `${account.name} Junior`, password: account.password },
      status: 201,
      answer,
    }),
  },
  'POST /v1/auth/login': {
    id: 'logIn',
    tag: 'accounts',
    summary: 'Log in: another log-in beside those that there are',
    access: 'anybody',
    answers: { 200: { description: 'You are.', schema: signedIn } },
    errors: ['unauthorized', 'overloaded', ...commonErrors],
    example: ({ account: { name, password } }) => ({ body: { name, password }, status: 200, answer }),
  },
  'POST /v1/auth/refresh': {
    id: 'refreshTokens',
    tag: 'accounts',
    summary: 'Exchange a refresh token, once, for new tokens',
    access: 'anybody',
    answers: { 200: { description: 'The new ones.', schema: signedIn } },
    errors: ['unauthorized', ...commonErrors],
    example: ({ account: { refreshToken } }) => ({ body: { refreshToken }, status: 200, answer }),
  },
  'POST /v1/auth/logout': {
    id: 'logOut',
    tag: 'accounts',
    summary: 'End a log-in: its refresh tokens open nothing more, its WebSockets are closed',
    access: 'anybody',
    answers: { 204: { description: 'It is over, or never was.' } },
    errors: commonErrors,
    example: ({ account: { refreshToken } }) => ({ body: { refreshToken }, status: 204 }),
  },
}
