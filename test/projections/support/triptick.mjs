/** The program with the commands that the projections are about, for tests that kill real processes. Built before. */
import { registerParked } from '../../../dist/cli/parked.js'
import { createProgram, run } from '../../../dist/cli/program.js'
import { registerRebuild } from '../../../dist/cli/rebuild.js'
import { registerStart } from '../../../dist/cli/start.js'

await run(createProgram([registerStart, registerRebuild, registerParked]), process.argv)
