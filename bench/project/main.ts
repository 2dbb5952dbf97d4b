/** The projections of `project`, in a process of their own, as in a running system. */
import { generate } from '../crowd/process.ts'
import { measureProjections } from './measure.ts'

generate(measureProjections)
