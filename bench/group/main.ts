/** The generator of `group`. */
import { generate } from '../crowd/process.ts'
import { generateGroup } from './generator.ts'

generate(generateGroup)
