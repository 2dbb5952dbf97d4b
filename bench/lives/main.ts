/** The generator of `lives` as a process of its own: takes its settings from the process that forked it, and ends with it. */
import { generateLives } from './generator.ts'
import type { LivesMessage, LivesSettings } from './settings.ts'

const tell = (message: LivesMessage): void => {
  process.send?.(message)
}

process.on('disconnect', () => process.exit())
process.once('message', (settings: LivesSettings) => {
  generateLives(settings, tell).catch((error: unknown) => tell({ kind: 'failed', reason: String(error) }))
})
