/** A logger that keeps its lines: `warn others removed …`, without debug. */
import { waitUntil } from '../../lab/lib/wait-until.ts'
import type { Logger } from '../../src/base/logger.ts'

export class LogLines implements Logger {
  lines: string[] = []

  debug(): void {}

  info(_fields: object, message: string): void {
    this.lines.push(`info ${message}`)
  }

  warn(_fields: object, message: string): void {
    this.lines.push(`warn ${message}`)
  }

  error(_fields: object, message: string): void {
    this.lines.push(`error ${message}`)
  }

  child(): Logger {
    return this
  }

  /** Waits until there are so many lines, or it is plain that there never will be. */
  async has(count: number): Promise<void> {
    const missing = async () => (this.lines.length < count ? 'fewer' : undefined)
    await waitUntil('lines', 30, missing, 0.02).catch(() => {})
  }

  /** The lines since the last time. */
  take(): string[] {
    const { lines } = this
    this.lines = []
    return lines
  }
}
