/** `npm ci` works in a fresh clone: the lock file is whole, and names no registry. */
import { expect, test } from 'vitest'
import { z } from 'zod'
import { readRoot } from './compose.ts'

const names = z.record(z.string(), z.string()).default({})
const Lock = z.object({
  packages: z.record(
    z.string(),
    z.looseObject({
      resolved: z.string().optional(),
      dependencies: names,
      devDependencies: names,
      optionalDependencies: names,
    }),
  ),
})
const { packages } = Lock.parse(JSON.parse(readRoot('package-lock.json')))

test('every dependency stands in it, those of other platforms too', () => {
  // A registry that lacks a platform's package makes `npm install` leave it out in silence, and `npm ci` refuses the rest.
  const missing = Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !placesFor(path, name).some((place) => place in packages))
      .map((name) => `${name}, of ${path}`),
  )
  expect(missing).toEqual([])
})

/** Where Node looks for a package: beside, and then further up. */
function placesFor(path: string, name: string): string[] {
  const parts = path === '' ? [] : path.split('/node_modules/')
  return [...parts.keys(), parts.length].map((depth) => {
    const above = parts.slice(0, parts.length - depth).join('/node_modules/')
    return above === '' ? `node_modules/${name}` : `${above}/node_modules/${name}`
  })
}

test('it asks for what package.json asks for', () => {
  const asked = z
    .object({ dependencies: names, devDependencies: names })
    .parse(JSON.parse(readRoot('package.json')))
  const { dependencies, devDependencies } = packages[''] ?? {}
  expect({ dependencies, devDependencies }).toEqual(asked)
})

test('it names no registry: everybody uses their own', () => {
  expect(Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
})
