/**
 * What every layer needs of a log, in pino's shape: data in fields, a static lower-case message.
 * The daemon passes pino itself; tests pass `silentLogger` or a collecting one.
 */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** A logger whose every line carries `fields` too: one a neighbour, one a VRF. */
  child(fields: object): Logger
}

const nothing = () => {}

/** Throws every line away. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
}
