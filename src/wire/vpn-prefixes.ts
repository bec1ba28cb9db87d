/**
 * HOT: the VPN routes of MP_REACH_NLRI or MP_UNREACH_NLRI into columns, in the same pass in which
 * they are checked. Called by mp-nlri.ts for a view that has columns.
 *
 *     length(1) label(3) RD(8) prefix   RFC 8277 §2.2, RFC 4364 §4.3.4
 */
import { Family } from './family.ts'
import { wordAt } from './ipv4-prefixes.ts'

/** The most routes and words of key an attribute of 65535 octets has. */
const ROWS = 5464
const KEY_WORDS = 6 * ROWS

/** Bits of label and route distinguisher. */
const FRONT_BITS = 88

/**
 * The VPNv4 or VPNv6 routes of a field, a row each. Only those with one label and without path
 * identifiers: `family` is 0 when the field is empty or has others, which are for NlriCursor.
 */
export class VpnPrefixes {
  family: Family | 0 = 0
  /** How many words of `key` a row has: 3 or 6. */
  keyWords = 0
  /** Row by row route distinguisher (two words) and address (one or four), bits past the prefix 0. */
  readonly key = new Int32Array(KEY_WORDS)
  /** Length of the prefix, label and route distinguisher not counted. */
  readonly bits = new Uint8Array(ROWS)
  /** The three octets of the label; of withdrawn routes they mean nothing (RFC 8277 §2.4). */
  readonly label = new Int32Array(ROWS)
  count = 0

  /** For parseUpdate: no rows. */
  clear(): void {
    this.family = 0
    this.count = 0
  }

  /** For parseUpdate: false when the field is not one for these rows, or no list of routes. */
  fill(buf: Uint8Array, words: DataView, at: number, end: number, family: Family): boolean {
    const { key, bits, label } = this
    let count = -1
    if (family === VPNV6) {
      count = fillWide(key, bits, label, words, at, end, buf.length - 27)
      this.keyWords = 6
    } else if (family === VPNV4) {
      count = fillNarrow(key, bits, label, words, at, end, buf.length - 15)
      this.keyWords = 3
    }
    if (count < 1) return false
    this.family = family
    this.count = count
    return true
  }
}

const { VPNV4, VPNV6 } = Family

/** By prefix length: which bits of each word of an address it keeps. */
const [MASK0, MASK1, MASK2, MASK3] = [0, 32, 64, 96].map((from) => {
  const masks = new Int32Array(129)
  for (let bits = from + 1; bits <= 128; bits++) masks[bits] = -1 << Math.max(32 + from - bits, 0)
  return masks
}) as [Int32Array, Int32Array, Int32Array, Int32Array]

/** VPNv4; gives how many rows, -1 for what is no list of routes. In front of `lastAt` a whole one can be read. */
function fillNarrow(
  key: Int32Array,
  bits: Uint8Array,
  label: Int32Array,
  words: DataView,
  at: number,
  end: number,
  lastAt: number,
): number {
  const fastEnd = Math.min(end, lastAt)
  let k = at | 0
  let row = 0
  let word = 0
  while (k < fastEnd) {
    const head = words.getInt32(k)
    const length = ((head >>> 24) - FRONT_BITS) | 0
    if (length >>> 0 > 32) return -1
    bits[row] = length
    label[row] = head & 0xffffff
    key[word] = words.getInt32((k + 4) | 0)
    key[(word + 1) | 0] = words.getInt32((k + 8) | 0)
    key[(word + 2) | 0] = words.getInt32((k + 12) | 0) & MASK0[length]!
    // most prefixes have three octets: guessed, so that the next route need not wait for the length
    k = (((length - 17) & ~7) === 0 ? k + 15 : k + 12 + ((length + 7) >>> 3)) | 0
    row = (row + 1) | 0
    word = (word + 3) | 0
  }
  return k === end ? row : fillRest(key, bits, label, words, k, end, row, 3)
}

/** VPNv6. */
function fillWide(
  key: Int32Array,
  bits: Uint8Array,
  label: Int32Array,
  words: DataView,
  at: number,
  end: number,
  lastAt: number,
): number {
  const fastEnd = Math.min(end, lastAt)
  let k = at | 0
  let row = 0
  let word = 0
  while (k < fastEnd) {
    const head = words.getInt32(k)
    const length = ((head >>> 24) - FRONT_BITS) | 0
    if (length >>> 0 > 128) return -1
    bits[row] = length
    label[row] = head & 0xffffff
    key[word] = words.getInt32((k + 4) | 0)
    key[(word + 1) | 0] = words.getInt32((k + 8) | 0)
    key[(word + 2) | 0] = words.getInt32((k + 12) | 0) & MASK0[length]!
    key[(word + 3) | 0] = words.getInt32((k + 16) | 0) & MASK1[length]!
    if (length <= 64) {
      key[(word + 4) | 0] = 0
      key[(word + 5) | 0] = 0
    } else {
      key[(word + 4) | 0] = words.getInt32((k + 20) | 0) & MASK2[length]!
      key[(word + 5) | 0] = words.getInt32((k + 24) | 0) & MASK3[length]!
    }
    k = (k + 12 + ((length + 7) >>> 3)) | 0
    row = (row + 1) | 0
    word = (word + 6) | 0
  }
  return k === end ? row : fillRest(key, bits, label, words, k, end, row, 6)
}

/** The same for what stands so near the end of the buffer that no whole route can be read. */
function fillRest(
  key: Int32Array,
  bits: Uint8Array,
  label: Int32Array,
  words: DataView,
  at: number,
  end: number,
  from: number,
  keyWords: number,
): number {
  let k = at
  let row = from
  for (; k < end; row++) {
    const length = words.getUint8(k) - FRONT_BITS
    if (length < 0 || length > 32 * (keyWords - 2)) return -1
    const prefixAt = k + 12
    k = prefixAt + ((length + 7) >>> 3)
    if (k > end) return -1
    bits[row] = length
    label[row] = words.getInt32(prefixAt - 12) & 0xffffff
    const word = row * keyWords
    key[word] = words.getInt32(prefixAt - 8)
    key[word + 1] = words.getInt32(prefixAt - 4)
    for (let n = 0; n < keyWords - 2; n++) {
      const mask = length <= 32 * n ? 0 : -1 << Math.max(32 * (n + 1) - length, 0)
      key[word + 2 + n] = wordAt(words, prefixAt + 4 * n, k) & mask
    }
  }
  return k === end ? row : -1
}
