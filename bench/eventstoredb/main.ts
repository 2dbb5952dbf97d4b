/** Whoever appends in `eventstoredb`, in a process of its own, as an api process is one. */
import { generate } from '../crowd/process.ts'
import { measureEventStore } from './measure.ts'

generate(measureEventStore)
