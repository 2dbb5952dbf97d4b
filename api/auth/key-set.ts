/**
 * The keys of an identity provider, as it publishes them (JWKS, RFC 7517): which of them signed a token. Holds public keys
 * only, and judges no token.
 *
 * - A key that appears is known with the first token that it signed: an unknown key id, or a token that names none and is of no known key,
 *   causes a look, at most one a cooldown. Until then it waits, for by the last look nobody can tell.
 * - A key that disappears stops working within a refresh, whatever its tokens say.
 * - While the provider does not answer, the keys that were known go on working: its outage is not ours. Nor is it asked again by
 *   each token: after a look that failed, everybody is told the same for a while.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from 'jose'
import type { Logger } from '../../runtime/logging.ts'

export interface KeySet {
  /** Rejects with an error of `jose`: no such key, or what is wrong with the way to the keys. */
  readonly find: JWTVerifyGetKey
  /** Resolves when the keys are those of a look that began after this moment of `performance.now()`. Rejects as `find` does. */
  seenSince(moment: number): Promise<void>
  close(): void
}

export interface KeySetTiming {
  readonly refreshMs: number
  /** After a look, tokens with unknown key ids wait this long for another one. */
  readonly cooldownMs: number
  /** After a look that failed, none is made for this long. */
  readonly retryMs: number
}

const DEFAULT_TIMING: KeySetTiming = { refreshMs: 300_000, cooldownMs: 2_000, retryMs: 1_000 }
/** `jose` counts its cooldown in whole milliseconds of another clock. */
const SLACK_MS = 5
/** Longest wait for an answer of the provider. */
const TIMEOUT_MS = 5_000

/** The last look that succeeded, by `performance.now()`. */
interface LastLook {
  began: number
  ended: number
}

export function followKeySet(url: string, log: Logger, timing: KeySetTiming = DEFAULT_TIMING): KeySet {
  const last: LastLook = { began: 0, ended: 0 }
  const keys = createRemoteJWKSet(new URL(url), {
    // Refreshed by the timer below: kept any age, so that an outage takes no key away.
    cacheMaxAge: Number.POSITIVE_INFINITY,
    cooldownDuration: timing.cooldownMs,
    timeoutDuration: TIMEOUT_MS,
    [customFetch]: fetchSeldom(timing.retryMs, last),
  })
  const refresh = () =>
    keys.reload().catch((error: unknown) => log.warn({ err: error }, 'the identity provider shows no keys'))
  void refresh()
  const timer = setInterval(refresh, timing.refreshMs)

  /** For all who wait. */
  let cooled: Promise<void> | undefined
  const untilCooled = (): Promise<void> => {
    const restMs = last.ended + timing.cooldownMs + SLACK_MS - performance.now()
    cooled ??= sleep(Math.max(0, restMs), undefined, { ref: false }).finally(() => {
      cooled = undefined
    })
    return cooled
  }
  const find: JWTVerifyGetKey = async (header, token) => {
    const asked = performance.now()
    for (;;) {
      try {
        return await keys(header, token)
      } catch (error) {
        const isKnownToBeNobodys = !keys.coolingDown || last.began >= asked
        if (!(error instanceof errors.JWKSNoMatchingKey) || isKnownToBeNobodys) throw error
        await untilCooled()
      }
    }
  }
  const seenSince = async (moment: number): Promise<void> => {
    while (last.began < moment) {
      if (keys.coolingDown) await untilCooled()
      else await keys.reload()
    }
  }
  return { find, seenSince, close: () => clearInterval(timer) }
}

/** `jose` counts its cooldown from looks that succeeded only. Rejects with what the last look failed with, or this one. */
function fetchSeldom(retryMs: number, last: LastLook): FetchImplementation {
  let failed: { readonly with: unknown; readonly at: number } | undefined
  return async (url, options) => {
    if (failed && performance.now() - failed.at < retryMs) throw failed.with
    const began = performance.now()
    try {
      const response = await fetch(url, options)
      if (response.status !== 200) throw new Error(`the identity provider answers with ${response.status}`)
      const keys = usable((await response.json()) as JSONWebKeySet)
      // Throws for what is no key set.
      createLocalJWKSet(keys)
      failed = undefined
      Object.assign(last, { began, ended: performance.now() })
      return Response.json(keys)
    } catch (error) {
      failed = { with: error, at: performance.now() }
      throw error
    }
  }
}

/** An entry that is no key takes none of the others with it. */
const usable = (told: JSONWebKeySet): JSONWebKeySet =>
  Array.isArray(told?.keys)
    ? { ...told, keys: told.keys.filter((key) => typeof key === 'object' && key !== null) }
    : told
