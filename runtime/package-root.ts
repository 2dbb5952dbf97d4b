/** Where this package lies on disk: the same answer from the sources and from `dist/`. Reads no configuration. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The nearest folder above this file that holds a package.json. Files that are not compiled (SQL, web pages) hang off it. */
export const packageRoot: string = nearestPackage(dirname(fileURLToPath(import.meta.url)))

function nearestPackage(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder
  const parent = dirname(folder)
  if (parent === folder) throw new Error('no package.json above runtime/: this installation is broken')
  return nearestPackage(parent)
}
