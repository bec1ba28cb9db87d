/** A logger that keeps its lines: `warn others removed …`, without debug. */
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

  /** The lines since the last time. */
  take(): string[] {
    const { lines } = this
    this.lines = []
    return lines
  }
}
