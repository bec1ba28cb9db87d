/**
 * HOT: the prefixes of Withdrawn Routes and NLRI (RFC 4271 §4.3) into columns, in the same pass in
 * which they are checked. Called by update-parser.ts for a view that has columns.
 */
import { wordsOf } from '../base/bytes.ts'

/** Rows at the beginning: no message of 4096 octets has more prefixes. */
const ROWS = 4096

/**
 * The IPv4 prefixes of the message a view holds, those outside MP_REACH_NLRI and MP_UNREACH_NLRI, a
 * row each: first the withdrawn ones, then the announced. The columns are read anew for each
 * message: one with more prefixes than any before it replaces them by longer ones.
 */
export class Ipv4Prefixes {
  /** The address as a signed word, bits past the prefix 0. */
  address: Int32Array = new Int32Array(ROWS)
  /** The prefix length. */
  bits: Uint8Array = new Uint8Array(ROWS)
  /** Path identifiers as signed words (RFC 7911); only with ADD-PATH. */
  pathId: Int32Array = NONE
  /** How many rows are withdrawn prefixes, and how many there are. */
  withdrawn = 0
  count = 0

  /** For parseUpdate: no rows. */
  clear(): void {
    this.withdrawn = 0
    this.count = 0
  }

  /**
   * For parseUpdate: adds the rows of a field without path identifiers; false when it is no list of
   * prefixes. Most have three octets: two at a time, so that the processor need not wait for a
   * length to know where the next one is. Behind the last a row is written that does not count.
   */
  add(buf: Uint8Array, words: DataView, at: number, end: number): boolean {
    let row = this.count
    if (row + end - at >= this.address.length) this.#grow(row + end - at + 1)
    const { address, bits } = this
    // in front of it, lengths and words of two can be read
    const fastEnd = Math.min(end, (buf.length - 8) | 0)
    let k = at | 0
    while (k < fastEnd) {
      const length = words.getUint8(k)
      const word = words.getInt32((k + 1) | 0)
      const next = words.getUint8((k + 4) | 0)
      const nextWord = words.getInt32((k + 5) | 0)
      // -1 when there is a second one
      const isTwo = (k + 4 - end) >> 31
      bits[row] = length
      bits[(row + 1) | 0] = next
      if ((((length - 17) | ((next - 17) & isTwo)) & ~7) === 0) {
        address[row] = word & (-1 << (32 - length))
        address[(row + 1) | 0] = nextWord & (-1 << (32 - next))
        k = (k + 4 + (4 & isTwo)) | 0
        row = (row + 1 - isTwo) | 0
      } else {
        if (length > 32) return false
        address[row] = word & maskOf(length)
        k = (k + ((length + 15) >>> 3)) | 0
        row = (row + 1) | 0
      }
    }
    this.count = k === end ? row : fillRest(address, bits, words, k, end, row)
    return this.count >= 0
  }

  /** For parseUpdate: both fields with path identifiers; they have been checked. */
  fillAddPath(buf: Uint8Array, at: number, mid: number, nlriAt: number, end: number): void {
    if (end - at > this.address.length) this.#grow(end - at)
    if (this.pathId.length < this.address.length) this.pathId = new Int32Array(this.address.length)
    this.withdrawn = this.#addField(buf, at, mid, 0)
    this.count = this.#addField(buf, nlriAt, end, this.withdrawn)
  }

  #addField(buf: Uint8Array, at: number, end: number, from: number): number {
    const words = wordsOf(buf)
    let row = from
    for (let k = at; k < end; row++) {
      const length = words.getUint8(k + 4)
      this.pathId[row] = words.getInt32(k)
      this.bits[row] = length
      this.address[row] = wordAt(words, k + 5, end) & maskOf(length)
      k += 4 + ((length + 15) >>> 3)
    }
    return row
  }

  #grow(rows: number): void {
    const { address, bits } = this
    this.address = new Int32Array(rows)
    this.address.set(address)
    this.bits = new Uint8Array(rows)
    this.bits.set(bits)
  }
}

const NONE = new Int32Array(0)

/** The same for what stands so near the end of the buffer that no word can be read. */
function fillRest(
  address: Int32Array,
  bits: Uint8Array,
  words: DataView,
  at: number,
  end: number,
  from: number,
): number {
  let k = at
  let row = from
  for (; k < end; row++) {
    const length = words.getUint8(k)
    if (length > 32) return -1
    bits[row] = length
    address[row] = wordAt(words, k + 1, end) & maskOf(length)
    k += (length + 15) >>> 3
  }
  return k === end ? row : -1
}

function maskOf(length: number): number {
  return length === 0 ? 0 : -1 << (32 - length)
}

/** The word at a position, with 0 for octets from `end` on. */
export function wordAt(words: DataView, at: number, end: number): number {
  let word = 0
  for (let k = at; k < at + 4; k++) word = (word << 8) | (k < end ? words.getUint8(k) : 0)
  return word
}
