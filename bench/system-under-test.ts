/** What the bench asks of whoever starts the system that it measures. Types only. */

export interface SystemUnderTest {
  readonly url: string
  /** Of the process whose children do the work. */
  readonly pid: number
  readonly databaseUrl: string
  readonly masterKey: Buffer
  tokenFor(userId: string): Promise<string>
  stop(): Promise<void>
}

export interface BenchContext {
  /** A fresh one, with nobody else on it. @param environment of its processes, beside what the bench gives them. */
  startSystem(environment?: NodeJS.ProcessEnv): Promise<SystemUnderTest>
  /** Something for the person who waits. */
  progress(text: string): void
  /** Called at the end, also after a failure or Ctrl-C; last come, first served. */
  onEnd(stop: () => Promise<void>): void
}
