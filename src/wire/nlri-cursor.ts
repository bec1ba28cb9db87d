/**
 * HOT: the prefixes of an NLRI field one at a time, as key words; nothing allocated. parseUpdate
 * has run checkNlri over each field of a view, so a cursor on one cannot fail.
 *
 *     [path identifier(4)] length(1) [label(3) RD(8)] prefix      RFC 4760 §5, RFC 7911 §3, RFC 4364 §4.3.4
 */
import { i32, u24, u32 } from '../base/bytes.ts'
import { type Family, familySpec } from './registry.ts'

/** Bits of label and route distinguisher that the length of a VPN NLRI counts. */
const VPN_BITS = 88
/** Octets of label and route distinguisher. */
const VPN_OCTETS = 11

/**
 * Is the range a sequence of whole NLRI of the family (RFC 7606 §5.3: no length that the family
 * does not have, no NLRI past the end)? A VPN NLRI has one label: whether its bottom-of-stack bit
 * is set does not matter (RFC 8277 §2.2).
 */
export function checkNlri(
  buf: Uint8Array,
  at: number,
  end: number,
  family: Family,
  addPath: boolean,
): boolean {
  const spec = familySpec(family)
  const minBits = spec.hasRd ? VPN_BITS : 0
  const maxBits = minBits + spec.addressBytes * 8
  const extra = addPath ? 4 : 0
  let k = at
  while (k < end) {
    k += extra
    if (k >= end) return false
    const bits = buf[k]!
    if (bits < minBits || bits > maxBits) return false
    k += 1 + ((bits + 7) >>> 3)
  }
  return k === end
}

/** A cursor over one NLRI field: start, then next until it gives false. */
export class NlriCursor {
  /** Route distinguisher (two words, VPN only), then the address; bits past the prefix are 0. */
  readonly key: Int32Array = new Int32Array(6)
  /** How many words of `key` the family uses. */
  keyWords = 0
  /** Length of the prefix, address bits only. */
  prefixBits = 0
  /** The three octets of the label field as one number; 0 for unicast, and for a withdrawn route, where they mean nothing (RFC 8277 §2.4). */
  label = 0
  /** RFC 7911; 0 without add-path. */
  pathId = 0
  /** Start of this NLRI, and behind it. */
  nlriAt = 0
  at = 0

  #buf: Uint8Array = new Uint8Array(0)
  #end = 0
  #hasRd = false
  #wide = false
  #addPath = false
  #withdraw = false

  /** Sets the cursor before the first NLRI of a range that checkNlri has passed. */
  start(
    buf: Uint8Array,
    at: number,
    end: number,
    family: Family,
    addPath: boolean,
    withdraw: boolean,
  ): void {
    const spec = familySpec(family)
    this.#buf = buf
    this.at = this.nlriAt = at
    this.#end = end
    this.keyWords = spec.keyWords
    this.#hasRd = spec.hasRd
    this.#wide = spec.addressBytes === 16
    this.#addPath = addPath
    this.#withdraw = withdraw
    this.label = this.pathId = this.prefixBits = 0
  }

  /** Moves to the next NLRI; false behind the last one. */
  next(): boolean {
    let k = this.at
    if (k >= this.#end) return false
    const buf = this.#buf
    const key = this.key
    this.nlriAt = k
    if (this.#addPath) {
      this.pathId = u32(buf, k)
      k += 4
    }
    let bits = buf[k++]!
    let word = 0
    if (this.#hasRd) {
      if (!this.#withdraw) this.label = u24(buf, k)
      key[0] = i32(buf, k + 3)
      key[1] = i32(buf, k + 7)
      word = 2
      k += VPN_OCTETS
      bits -= VPN_BITS
    }
    this.prefixBits = bits
    this.at = k + ((bits + 7) >>> 3)
    if (this.#wide) readWide(buf, k, bits, key, word)
    else
      key[word] = k + 4 <= buf.length ? i32(buf, k) & MASKS[bits * 4]! : leadingBits(buf, k, bits)
    return true
  }
}

/** Four masks a prefix length: which bits of each word of an address it keeps. */
const MASKS = new Int32Array(129 * 4)
for (let bits = 0; bits <= 128; bits++) {
  for (let k = 0; k < 4; k++) {
    const kept = Math.min(Math.max(bits - k * 32, 0), 32)
    MASKS[bits * 4 + k] = kept === 0 ? 0 : -1 << (32 - kept)
  }
}

/**
 * An IPv6 prefix into four words. Whole words are read, of what lies behind the prefix too, and
 * masked: prefix lengths vary too much for branches. Only at the end of the buffer octets count.
 */
function readWide(buf: Uint8Array, at: number, bits: number, key: Int32Array, word: number): void {
  if (at + 16 <= buf.length) {
    const mask = bits * 4
    key[word] = i32(buf, at) & MASKS[mask]!
    key[word + 1] = i32(buf, at + 4) & MASKS[mask + 1]!
    const isLong = bits > 64
    key[word + 2] = isLong ? i32(buf, at + 8) & MASKS[mask + 2]! : 0
    key[word + 3] = isLong ? i32(buf, at + 12) & MASKS[mask + 3]! : 0
  } else {
    key[word] = leadingBits(buf, at, bits)
    key[word + 1] = leadingBits(buf, at + 4, bits - 32)
    key[word + 2] = leadingBits(buf, at + 8, bits - 64)
    key[word + 3] = leadingBits(buf, at + 12, bits - 96)
  }
}

/** The word at `at` cut to its first `bits` bits; reads only the octets that hold them. */
function leadingBits(buf: Uint8Array, at: number, bits: number): number {
  if (bits <= 0) return 0
  if (bits >= 32) return i32(buf, at)
  let word = buf[at]! << 24
  if (bits > 8) word |= buf[at + 1]! << 16
  if (bits > 16) word |= buf[at + 2]! << 8
  if (bits > 24) word |= buf[at + 3]!
  return word & (-1 << (32 - bits))
}
