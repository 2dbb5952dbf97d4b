/** A generator as a process of its own: takes settings from the process that forked it, answers them, and ends with it. */

export type Told<Result> =
  | { readonly kind: 'result'; readonly result: Result }
  | { readonly kind: 'failed'; readonly reason: string }

export function generate<Settings, Result>(run: (settings: Settings) => Promise<Result>): void {
  const tell = (message: Told<Result>) => process.send?.(message)
  process.on('disconnect', () => process.exit())
  process.on('message', (settings: Settings) => {
    run(settings).then(
      (result) => tell({ kind: 'result', result }),
      (error: unknown) => tell({ kind: 'failed', reason: String(error) }),
    )
  })
}
