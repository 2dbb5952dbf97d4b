/** Whose address an address is, for limits: of IPv6 the /64 that one customer has. */
import { isIPv4, isIPv6 } from 'node:net'

/**
 * `undefined` for this machine itself: behind a proxy on it that is not trusted everybody would share one limit, and whoever
 * is on the machine can do worse than to send much.
 */
export function networkOf(address: string): string | undefined {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!isIPv6(plain)) return isIPv4(plain) && plain.startsWith('127.') ? undefined : plain
  if (plain === '::1') return undefined
  const [head = '', tail] = plain.replace(/%.*$/, '').toLowerCase().split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros =
    tail === undefined ? [] : new Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0')
  return [...front, ...zeros, ...back]
    .slice(0, 4)
    .map((part) => part.replace(/^0+(?=.)/, ''))
    .join(':')
}
