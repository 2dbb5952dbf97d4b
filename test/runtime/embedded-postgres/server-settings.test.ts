import { expect, test } from 'vitest'
import { sharedBuffersMb } from '../../../runtime/embedded-postgres/server-settings.ts'

const GB = 2 ** 30

test.each([
  [1 * GB, 256],
  [4 * GB, 256],
  [8 * GB, 512],
  [24 * GB, 1536],
  [512 * GB, 2048],
])('of %i bytes of memory %i MB are for the buffers of Postgres', (memoryBytes, megabytes) => {
  expect(sharedBuffersMb(memoryBytes)).toBe(megabytes)
})
