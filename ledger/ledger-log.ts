/** What a ledger says to those who run it, as pino takes it. Types, and silence. */
export interface LedgerLog {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
}

export const SILENT: LedgerLog = { debug() {}, warn() {} }
