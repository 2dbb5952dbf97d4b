/** What a person can put right: what is wrong, and what to do. Never used for bugs; those stay ordinary errors with a stack. */

export interface Problem {
  /** The setting at fault, when it is one. */
  readonly setting?: string
  readonly problem: string
  readonly fix: string
}

/** 1: something outside is in the way (port, folder, database). 2: what the person typed or set is wrong. */
export type ProblemExitCode = 1 | 2

export class StartProblem extends Error {
  override readonly name = 'StartProblem'
  readonly problems: readonly Problem[]
  readonly exitCode: ProblemExitCode

  constructor(problems: readonly Problem[], exitCode: ProblemExitCode = 1, cause?: unknown) {
    super(problems.map(describeProblem).join('\n'), { cause })
    this.problems = problems
    this.exitCode = exitCode
  }
}

export function startProblem(problem: string, fix: string, cause?: unknown): StartProblem {
  return new StartProblem([{ problem, fix }], 1, cause)
}

export function describeProblem({ setting, problem, fix }: Problem): string {
  return `${setting === undefined ? '' : `${setting}: `}${problem}\n  → ${fix}`
}
