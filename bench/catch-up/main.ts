/** The generator of `catch-up`. */
import { generate } from '../crowd/process.ts'
import { generateCatchUp } from './generator.ts'

generate(generateCatchUp)
