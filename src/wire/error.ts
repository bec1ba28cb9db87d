import { errorName } from './registry.ts'

const NO_DATA = new Uint8Array(0)

/**
 * An error that ends the session: it carries what the NOTIFICATION must say (RFC 4271 §4.5).
 * The message is lower case and holds the value found and what was expected.
 */
export class BgpError extends Error {
  override readonly name = 'BgpError'
  readonly code: number
  readonly subcode: number
  readonly data: Uint8Array

  constructor(code: number, subcode: number, message: string, data: Uint8Array = NO_DATA) {
    super(message)
    this.code = code
    this.subcode = subcode
    this.data = data
  }

  /** `UPDATE Message Error/Attribute Flags Error: … (3/4)`: how logs print it. */
  describe(): string {
    return `${errorName(this.code, this.subcode)}: ${this.message} (${this.code}/${this.subcode})`
  }
}
