/**
 * Annotated bytes: hex`40 01 01 00 // ORIGIN: IGP`. Everything from // to the end of a line is a
 * comment; a value put in may be a number (one octet), text of hex digits, or bytes.
 */
export function hex(
  strings: TemplateStringsArray,
  ...values: (number | string | Uint8Array)[]
): Uint8Array {
  let text = strings[0]!
  values.forEach((value, k) => {
    text += ` ${digitsOf(value)} ${strings[k + 1]}`
  })
  return fromHex(text)
}

/** The bytes of a text of hex digits with spaces, line breaks and // comments. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/\/\/[^\n]*/g, '').replace(/\s+/g, '')
  if (digits.length % 2 !== 0 || /[^0-9a-fA-F]/.test(digits)) {
    throw new TypeError(`not whole octets in hex: ${digits}`)
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (octet) => Number.parseInt(octet, 16))
}

/** Hex digits without spaces: for readable differences in tests. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join('')
}

/** Several byte strings as one. */
export function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

function digitsOf(value: number | string | Uint8Array): string {
  if (typeof value === 'string') return value
  return typeof value === 'number' ? value.toString(16).padStart(2, '0') : toHex(value)
}
