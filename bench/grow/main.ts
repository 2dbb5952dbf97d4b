/** The generator of `grow`. */
import { generate } from '../crowd/process.ts'
import { generateGrow } from './generator.ts'

generate(generateGrow)
