/** Hex digits to octets, as a stream: blanks, `:`, `.`, `,`, `-`, `0x` between, `#` and `//` comments. */
import { ClientError } from './client.ts'

const NEWLINE = 10
const SLASH = 47
const HASH = 35
const X = 120
const BETWEEN = new Set([9, 10, 13, 32, 58, 46, 44, 45])

function digitOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const letter = code | 0x20
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

/** What is known of the text so far: the parts of an octet or of a comment may be in two chunks. */
class HexText {
  #half = -1
  #comment = false
  #slash = false
  #line = 1

  /** The octets of the next piece of text. */
  octets(text: Uint8Array): Uint8Array {
    const out = new Uint8Array(text.length)
    let count = 0
    for (const code of text) {
      const digit = this.#digit(code)
      if (digit < 0) continue
      if (this.#half < 0) {
        this.#half = digit
      } else {
        out[count++] = (this.#half << 4) | digit
        this.#half = -1
      }
    }
    return out.subarray(0, count)
  }

  /** The digit, -1 for what is none and means nothing. */
  #digit(code: number): number {
    if (code === NEWLINE) {
      this.#line++
      this.#comment = false
    }
    if (this.#comment) return -1
    if (code === HASH || (code === SLASH && this.#slash)) this.#comment = true
    const second = this.#slash
    this.#slash = code === SLASH && !second
    if (this.#comment || this.#slash) return -1
    const digit = digitOf(code)
    if (digit >= 0 && !second) return digit
    // the 0 of 0x is no digit
    if ((code | 0x20) === X && this.#half === 0) this.#half = -1
    else if (second || !BETWEEN.has(code)) this.#refuse(code)
    return -1
  }

  #refuse(code: number): never {
    const shown = code > 32 && code < 127 ? `"${String.fromCharCode(code)}"` : `octet ${code}`
    throw new ClientError(`line ${this.#line}: ${shown}, expected hex digits`)
  }

  end(): void {
    if (this.#half >= 0) throw new ClientError(`line ${this.#line}: half an octet at the end`)
  }
}

/** The octets that the text stands for. */
export async function* hexOctets(text: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const hex = new HexText()
  for await (const piece of text) yield hex.octets(piece)
  hex.end()
}
