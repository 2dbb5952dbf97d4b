/** `docs/configuration.md` lists exactly the settings that there are, in their order, with their own words. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { packageRoot } from '../../runtime/package-root.ts'
import { ROLE_NAMES } from '../../runtime/role.ts'
import { SETTINGS, type Setting } from '../../runtime/settings.ts'
import { code, readDoc, section, table } from './markdown.ts'

const page = readDoc('configuration.md')
const rows = table(page, 'variable')
const settings = Object.values<Setting>(SETTINGS)

test('each setting is there with what it must be and what it means', () => {
  const said = rows.map(([name, expected, , meaning]) => [code(name), expected, meaning])
  expect(said).toEqual(settings.map(({ env, expected, meaning }) => [env, expected, meaning]))
})

test('each says what is so without it', () => {
  for (const [index, { env, absent }] of settings.entries()) {
    const said = rows[index]?.[2]
    if ('means' in absent) expect(said, env).toBe(absent.means)
    else if (typeof absent.value === 'string') expect(said, env).toBe(`\`${absent.value}\``)
    else expect(said, env).toMatch(/^[^`]{10,}$/) // made anew by every process, so in words
  }
})

test('secrets are marked', () => {
  const marked = rows.filter(([name]) => name?.endsWith(' (secret)')).map(([name]) => code(name))
  expect(marked).toEqual(settings.filter(({ secret }) => secret).map(({ env }) => env))
})

test('each role has a line', () => {
  const roles = table(section(page, '## More machines'), 'role').map(([name]) => code(name))
  expect(roles).toEqual([...ROLE_NAMES])
})

test('the compose file takes exactly the variables that the page tells to set', () => {
  const compose = readFileSync(join(packageRoot, 'docker-compose.yml'), 'utf8')
  const taken = [...JSON.stringify(parse(compose)).matchAll(/(?<!\$)\$\{(\w+)(:\?)?/g)]
  const part = section(page, '## The compose file')
  const required = new Set(taken.filter(([, , must]) => must).map(([, name]) => name))
  expect(required).toEqual(new Set([...part.matchAll(/^(\w+)=/gm)].map(([, name]) => name)))
  for (const [, name] of taken) expect(part).toContain(`${name}=`)
})

test('no part of the program reads a variable that is not among the settings', () => {
  const names = settings.map(({ env }) => env)
  const read = ['api', 'cli', 'ledger', 'projections', 'runtime', 'workers'].flatMap((folder) =>
    readdirSync(join(packageRoot, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.name.endsWith('.ts'))
      .flatMap((entry) => [
        ...readFileSync(join(entry.parentPath, entry.name), 'utf8').matchAll(/process\.env(?:\.(\w+)|\[)/g),
      ]),
  )
  expect(read.map(([all, name]) => name ?? all).filter((name) => !names.includes(name))).toEqual([])
})
