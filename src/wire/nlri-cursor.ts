/**
 * HOT: the NLRI of a field one at a time; prefixes as key words, EVPN routes as offsets; nothing
 * allocated. parseUpdate has run nlriFault over each field of a view, so a cursor on one cannot fail.
 *
 *     [path identifier(4)] length(1) [labels(3…)] [RD(8)] prefix   RFC 4760 §5, RFC 7911 §3, RFC 8277 §2, RFC 4364 §4.3.4
 *     [path identifier(4)] length(1) origin AS(4) route target(8)  RFC 4684 §4, cut at any length
 *     [path identifier(4)] route type(1) length(1) route           RFC 7432 §7
 */
import { i32, u24, u32, wordsOf } from '../base/bytes.ts'
import { EvpnRoute } from './evpn.ts'
import { FAMILIES, type Family } from './family.ts'
import { BOTTOM_OF_STACK, LABEL_BITS, RD_BITS } from './nlri-check.ts'

/** Key words at most: a route distinguisher and an IPv6 address. */
const MAX_KEY_WORDS = 6

/** What a field's NLRI have: bits of a number that is small when they have little. */
const WITHDRAW = 1
const VPN = 2
const WIDE = 4
/** Those that are read octet by octet. */
const SELDOM = 8
const LABEL = 16
const ADD_PATH = 32
const MANY_LABELS = 64
const EVPN = 128

/** By family: its form, its key words, how many labels its NLRI have when there is no stack. */
const FORMS = new Uint8Array(256)
const KEY_WORDS = new Uint8Array(256)
const LABELS = new Uint8Array(256)
/** By form: how many octets `next` reads at once, longest prefix and what may stand behind. */
const READ_AT_ONCE = new Int32Array(256).fill(0x7fffffff)
for (const { id, hasLabel, hasRd, prefixBits, keyWords, kind } of FAMILIES) {
  const wide = prefixBits > 32 ? WIDE : 0
  KEY_WORDS[id] = keyWords
  LABELS[id] = hasLabel && kind === 'prefix' ? 1 : 0
  if (kind === 'evpn') FORMS[id] = SELDOM | EVPN
  else if (hasRd) FORMS[id] = VPN | wide
  else if (hasLabel) FORMS[id] = SELDOM | LABEL | wide
  else FORMS[id] = wide === 0 ? 0 : SELDOM | wide
}
for (const withdraw of [0, WITHDRAW]) {
  READ_AT_ONCE[withdraw] = 5
  READ_AT_ONCE[withdraw | VPN] = 16
  READ_AT_ONCE[withdraw | VPN | WIDE] = 28
}

const NOTHING = new Uint8Array(0)

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
  /** How many label fields there are. */
  labelCount = 0
  /** RFC 7911; 0 without add-path. */
  pathId = 0
  /** Start of this NLRI, and behind it. */
  nlriAt = 0
  at = 0
  /** The route, of an EVPN field. */
  readonly evpn: EvpnRoute = new EvpnRoute()

  private buf: Uint8Array = NOTHING
  private words: DataView = wordsOf(NOTHING)
  /** Behind the field, and where in front of it `next` must leave the fast way. */
  private end = 0
  private fastEnd = 0
  /** WITHDRAW, VPN, WIDE … of the field. */
  private form = 0

  /**
   * The three octets of the first label field as one number; 0 in families without labels, and for
   * a withdrawn route, where they mean nothing (RFC 8277 §2.4).
   */
  get label(): number {
    if (this.labelCount === 0 || (this.form & WITHDRAW) !== 0) return 0
    return u24(this.buf, this.labelsAt)
  }

  /** Where the label fields stand, three octets each; -1 without labels. */
  get labelsAt(): number {
    if (this.labelCount === 0) return -1
    if ((this.form & EVPN) !== 0) return this.at - 3 * this.labelCount
    return this.nlriAt + ((this.form & ADD_PATH) !== 0 ? 5 : 1)
  }

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
    if (buf !== this.buf) {
      this.buf = buf
      this.words = wordsOf(buf)
    }
    this.at = at
    this.end = end
    this.keyWords = KEY_WORDS[family]!
    this.labelCount = LABELS[family]!
    let form = FORMS[family]!
    if (withdraw === true) form |= WITHDRAW
    else if (manyLabels === true) form |= SELDOM | MANY_LABELS
    if (addPath === true) form |= SELDOM | ADD_PATH
    else if (this.pathId !== 0) this.pathId = 0
    this.form = form
    const lastAt = buf.length - READ_AT_ONCE[form]!
    this.fastEnd = end
    if (lastAt < end) this.fastEnd = lastAt
  }

  /** Moves to the next NLRI; false behind the last one. */
  next(): boolean {
    const at = this.at
    if (at >= this.fastEnd) {
      if (at >= this.end) return false
      this.readSeldom(at)
      return true
    }
    const { words, key, form } = this
    this.nlriAt = at
    if (form < VPN) {
      const bits = words.getUint8(at)
      this.prefixBits = bits
      this.at = (bits - 17) >>> 0 < 8 ? at + 4 : at + ((bits + 15) >>> 3)
      key[0] = words.getInt32(at + 1) & MASK0[bits]!
      return true
    }
    const head = words.getInt32(at)
    const bits = (head >>> 24) - VPN_BITS
    this.prefixBits = bits
    this.at = (bits - 17) >>> 0 < 8 ? at + 15 : at + 12 + ((bits + 7) >>> 3)
    key[0] = words.getInt32(at + 4)
    key[1] = words.getInt32(at + 8)
    key[2] = words.getInt32(at + 12) & MASK0[bits]!
    if (form >= WIDE) {
      key[3] = words.getInt32(at + 16) & MASK1[bits]!
      key[4] = words.getInt32(at + 20) & MASK2[bits]!
      key[5] = words.getInt32(at + 24) & MASK3[bits]!
    }
    return true
  }

  /** Octet by octet: at the end of the buffer, and whatever is neither IPv4 nor VPN. */
  private readSeldom(nlriAt: number): void {
    const buf = this.buf
    const key = this.key
    const form = this.form
    let k = nlriAt
    this.nlriAt = nlriAt
    if ((form & ADD_PATH) !== 0) {
      this.pathId = u32(buf, k)
      k += 4
    }
    if ((form & EVPN) !== 0) {
      this.nextEvpn(k)
      return
    }
    let bits = buf[k++]!
    let word = 0
    if ((form & (LABEL | VPN)) !== 0) {
      const labels = (form & MANY_LABELS) !== 0 ? this.countLabels(k) : 1
      this.labelCount = labels
      k += labels * 3
      bits -= labels * LABEL_BITS
      if ((form & VPN) !== 0) {
        key[0] = i32(buf, k)
        key[1] = i32(buf, k + 4)
        word = 2
        k += 8
        bits -= RD_BITS
      }
    }
    this.prefixBits = bits
    this.at = k + ((bits + 7) >>> 3)
    if ((form & WIDE) !== 0) readEnd(buf, k, bits, key, word)
    else key[word] = leadingBits(buf, k, bits)
  }

  private countLabels(at: number): number {
    let k = at
    while ((this.buf[k + 2]! & BOTTOM_OF_STACK) === 0) k += 3
    return (k - at) / 3 + 1
  }

  private nextEvpn(at: number): void {
    const end = at + 2 + this.buf[at + 1]!
    const { evpn } = this
    evpn.read(this.buf, this.buf[at]!, at + 2, end)
    this.labelCount = evpn.labelCount
    this.prefixBits = 0
    this.at = end
  }
}

/** By prefix length: which bits of each word of an address it keeps. */
const [MASK0, MASK1, MASK2, MASK3] = [0, 32, 64, 96].map((from) => {
  const masks = new Int32Array(129)
  for (let bits = from + 1; bits <= 128; bits++) masks[bits] = -1 << Math.max(32 + from - bits, 0)
  return masks
}) as [Int32Array, Int32Array, Int32Array, Int32Array]
const VPN_BITS = LABEL_BITS + RD_BITS

/** A long prefix into four words, octet by octet. */
function readEnd(buf: Uint8Array, at: number, bits: number, key: Int32Array, word: number): void {
  key[word] = leadingBits(buf, at, bits)
  key[word + 1] = leadingBits(buf, at + 4, bits - 32)
  key[word + 2] = leadingBits(buf, at + 8, bits - 64)
  key[word + 3] = leadingBits(buf, at + 12, bits - 96)
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
