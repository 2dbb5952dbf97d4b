/** The generator of `search`: a process of its own, so that V8 does not compile and collect what made a million messages beside the system that is measured. */
import { generate } from '../crowd/process.ts'
import { searchAll } from './searcher.ts'

generate(searchAll)
