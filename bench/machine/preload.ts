/** Loads a module of `dist/bench/machine` into processes before anything of theirs. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../runtime/package-root.ts'

/** The environment that does it, for a process and for whatever it forks. */
export function preloading(module: 'cpu-profile' | 'collect-when-told'): NodeJS.ProcessEnv {
  const { href } = pathToFileURL(join(packageRoot, 'dist', 'bench', 'machine', `${module}.js`))
  return { NODE_OPTIONS: `--import ${href}` }
}
