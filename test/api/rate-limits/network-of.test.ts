import { expect, test } from 'vitest'
import { networkOf } from '../../../api/rate-limits/network-of.ts'

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:DB8:1:2::9', '2001:db8:1:2'],
  ['2001:0db8:0001:0002:ffff::', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['127.0.0.1', undefined],
  ['127.8.9.10', undefined],
  ['::ffff:127.0.0.1', undefined],
  ['::1', undefined],
])('%s belongs to %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})
