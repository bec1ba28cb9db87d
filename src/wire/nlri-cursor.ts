/**
 * HOT: the NLRI of a field one at a time; prefixes as key words, EVPN routes as offsets; nothing
 * allocated. parseUpdate has run nlriFault over each field of a view, so a cursor on one cannot fail.
 *
 *     [path identifier(4)] length(1) [labels(3…)] [RD(8)] prefix   RFC 4760 §5, RFC 7911 §3, RFC 8277 §2, RFC 4364 §4.3.4
 *     [path identifier(4)] length(1) origin AS(4) route target(8)  RFC 4684 §4, cut at any length
 *     [path identifier(4)] route type(1) length(1) route           RFC 7432 §7
 */
import { i32, u24, u32 } from '../base/bytes.ts'
import { EvpnRoute } from './evpn.ts'
import { Family, familySpec } from './family.ts'
import { BOTTOM_OF_STACK, LABEL_BITS, RD_BITS } from './nlri-check.ts'

/** Key words at most: a route distinguisher and an IPv6 address. */
const MAX_KEY_WORDS = 6

/** A cursor over one NLRI field: start, then next until it gives false. */
export class NlriCursor {
  /**
   * Route distinguisher (two words, VPN only), then the address, or origin AS and route target;
   * bits past the prefix are 0. EVPN has no key: see `evpn`.
   */
  readonly key: Int32Array = new Int32Array(MAX_KEY_WORDS)
  /** How many words of `key` the family uses; 0 for EVPN. */
  keyWords = 0
  /** Length of the prefix, labels and route distinguisher not counted. */
  prefixBits = 0
  /** The three octets of the first label field as one number; 0 in families without labels, and for a withdrawn route, where they mean nothing (RFC 8277 §2.4). */
  label = 0
  /** Where the label fields stand, three octets each, and how many; -1 and 0 without labels. */
  labelsAt = -1
  labelCount = 0
  /** RFC 7911; 0 without add-path. */
  pathId = 0
  /** Start of this NLRI, and behind it. */
  nlriAt = 0
  at = 0
  /** The route, of an EVPN field. */
  readonly evpn: EvpnRoute = new EvpnRoute()

  #buf: Uint8Array = new Uint8Array(0)
  #end = 0
  #hasLabel = false
  #hasRd = false
  #wide = false
  #evpn = false
  #addPath = false
  #withdraw = false
  #manyLabels = false

  /**
   * Sets the cursor before the first NLRI of a range that nlriFault has passed. `manyLabels`: the
   * label stack goes to its bottom (RFC 8277 §2.3), of a field that is not withdrawn.
   */
  start(
    buf: Uint8Array,
    at: number,
    end: number,
    family: Family,
    addPath: boolean,
    withdraw: boolean,
    manyLabels = false,
  ): void {
    const spec = familySpec(family)
    this.#buf = buf
    this.at = this.nlriAt = at
    this.#end = end
    this.keyWords = spec.keyWords
    this.#evpn = family === Family.EVPN
    this.#hasLabel = spec.hasLabel
    this.#hasRd = spec.hasRd
    this.#wide = spec.prefixBits > 32
    this.#addPath = addPath
    this.#withdraw = withdraw
    this.#manyLabels = manyLabels && !withdraw
    this.label = this.pathId = this.prefixBits = this.labelCount = 0
    this.labelsAt = -1
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
    if (this.#evpn) return this.#nextEvpn(k)
    let bits = buf[k++]!
    let word = 0
    if (this.#hasLabel) {
      const labels = this.#manyLabels ? this.#countLabels(k) : 1
      this.labelsAt = k
      this.labelCount = labels
      if (!this.#withdraw) this.label = u24(buf, k)
      k += labels * 3
      bits -= labels * LABEL_BITS
      if (this.#hasRd) {
        key[0] = i32(buf, k)
        key[1] = i32(buf, k + 4)
        word = 2
        k += 8
        bits -= RD_BITS
      }
    }
    this.prefixBits = bits
    this.at = k + ((bits + 7) >>> 3)
    if (this.#wide) readWide(buf, k, bits, key, word)
    else
      key[word] = k + 4 <= buf.length ? i32(buf, k) & MASKS[bits * 4]! : leadingBits(buf, k, bits)
    return true
  }

  #countLabels(at: number): number {
    let k = at
    while ((this.#buf[k + 2]! & BOTTOM_OF_STACK) === 0) k += 3
    return (k - at) / 3 + 1
  }

  #nextEvpn(at: number): boolean {
    const end = at + 2 + this.#buf[at + 1]!
    const { evpn } = this
    evpn.read(this.#buf, this.#buf[at]!, at + 2, end)
    this.label = this.#withdraw ? 0 : evpn.label
    this.labelCount = evpn.labelCount
    this.labelsAt = evpn.labelCount === 0 ? -1 : end - 3 * evpn.labelCount
    this.at = end
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
 * A long prefix into three or four words. Whole words are read, of what lies behind the prefix too,
 * and masked: prefix lengths vary too much for branches. Only at the end of the buffer octets count.
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
