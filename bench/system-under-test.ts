/** What the bench asks of whoever starts the system that it measures. Types only. */

export interface SystemUnderTest {
  readonly url: string
  /** Of the process whose children do the work. */
  readonly pid: number
  readonly databaseUrl: string
  readonly masterKey: Buffer
  /** Settings with which `startSystem` starts another node of this one. */
  readonly joining: NodeJS.ProcessEnv
  tokenFor(userId: string): Promise<string>
  stop(): Promise<void>
}

export interface BenchContext {
  /** A fresh one, with nobody else on it. @param settings of its own (`docs/configuration.md`), beside the usual. */
  startSystem(settings?: NodeJS.ProcessEnv): Promise<SystemUnderTest>
  /** Something for the person who waits. */
  progress(text: string): void
  /** Called at the end, also after a failure or Ctrl-C; last come, first served. */
  onEnd(stop: () => Promise<void>): void
}
