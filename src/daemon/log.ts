/**
 * The daemon's log: pino, one line a record, to standard output. `json` for collectors, `text` for
 * people; both are written in this thread (no transport), so that the bundle is one file.
 */
import { type DestinationStream, pino } from 'pino'
import type { Logger } from '../base/logger.ts'
import type { LogConfig } from './config-schema.ts'

const SECRETS = ['password', '*.password', '*.*.password']

/** `out` is standard output unless a test wants the lines. */
export function createLogger(config: LogConfig, out: DestinationStream = standardOutput()): Logger {
  const stream = config.format === 'text' ? { write: textWriter(out) } : out
  return pino(
    {
      level: config.level,
      base: null,
      redact: { paths: SECRETS, censor: '(hidden)' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  )
}

/** Synchronous, so that the last words of a process that ends are written. */
function standardOutput(): DestinationStream {
  return pino.destination({ dest: 1, sync: true })
}

function textWriter(out: DestinationStream): (line: string) => void {
  return (line) => out.write(formatRecord(JSON.parse(line) as LogRecord))
}

interface LogRecord {
  level: string
  time: string
  msg?: string
  [field: string]: unknown
}

/** `2026-11-23T08:00:00.000Z INFO  state change neighbor=192.0.2.2 from=Idle to=Connect` */
function formatRecord({ level, time, msg, ...fields }: LogRecord): string {
  const words = [time, level.toUpperCase().padEnd(5), msg ?? '']
  for (const [key, value] of Object.entries(fields)) words.push(`${key}=${formatValue(value)}`)
  const { err } = fields
  const stack = level === 'error' && isError(err) ? `\n${err.stack ?? ''}` : ''
  return `${words.join(' ')}${stack.replaceAll('\n', '\n    ')}\n`
}

function formatValue(value: unknown): string {
  if (isError(value)) return JSON.stringify(value.message)
  if (typeof value !== 'string') return JSON.stringify(value) ?? 'undefined'
  // Quoted where a blank, a quote or a control character would make the line ambiguous.
  return /^[!#-~]+$/.test(value) ? value : JSON.stringify(value)
}

/** What pino makes of an Error under `err`. */
function isError(value: unknown): value is { message: string; stack?: string } {
  return value !== null && typeof value === 'object' && 'message' in value && 'type' in value
}
