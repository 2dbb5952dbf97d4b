/** The settings of a command, or every problem with them at once. */
import { type Config, readConfig } from '../runtime/config.ts'
import { StartProblem } from '../runtime/problem.ts'

export function settings(): Config {
  const reading = readConfig(process.env)
  if (!reading.ok) throw new StartProblem(reading.problems, 2)
  return reading.config
}
