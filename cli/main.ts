#!/usr/bin/env node
/** The `triptick` command. To add a command: a file `cli/<name>.ts` that exports `register<Name>`, and a line here. */
import { registerBench } from './bench.ts'
import { registerConformance } from './conformance.ts'
import { registerDemo } from './demo.ts'
import { registerEvents } from './events.ts'
import { registerParked } from './parked.ts'
import { createProgram, run } from './program.ts'
import { registerRebuild } from './rebuild.ts'
import { registerReplayTrace } from './replay-trace.ts'
import { registerStart } from './start.ts'
import { registerToken } from './token.ts'

const program = createProgram([
  registerStart, //
  registerToken,
  registerDemo,
  registerEvents,
  registerRebuild,
  registerParked,
  registerReplayTrace,
  registerBench,
  registerConformance,
])

await run(program, process.argv)
