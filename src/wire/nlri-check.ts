/**
 * HOT: is a field a list of whole NLRI of its family (RFC 7606 §5.3, §5.4)? update-parser.ts asks
 * once a field; behind that answer cursors need no checks.
 */
import { u24, wordsOf } from '../base/bytes.ts'
import { checkEvpn } from './evpn.ts'
import { FAMILIES, Family } from './family.ts'

/** Bits of one label, or of what stands for it in a withdrawn route (RFC 8277 §2.2, §2.4). */
export const LABEL_BITS = 24
/** Set in the last label of a stack (RFC 8277 §2.3). */
export const BOTTOM_OF_STACK = 1
/** Bits of a route distinguisher. */
export const RD_BITS = 64

/** By family: the length octet of the shortest NLRI (one label), and what a longer one may add. */
const MIN_BITS = new Uint8Array(256)
const MAX_BITS = new Uint8Array(256)
for (const { id, hasRd, hasLabel, prefixBits } of FAMILIES) {
  MIN_BITS[id] = (hasLabel ? LABEL_BITS : 0) + (hasRd ? RD_BITS : 0)
  MAX_BITS[id] = MIN_BITS[id]! + prefixBits
}

/** RFC 4684 §4: an origin AS is whole, or there is none (the default route target). */
const ORIGIN_AS_BITS = 32

/**
 * Position of the first octet of the first NLRI that is none of the family's, -1 when all are. A
 * label is one unless `manyLabels`, and then its bottom-of-stack bit does not count (RFC 8277
 * §2.2); a withdrawn route always has three octets in the place of labels (§2.4).
 */
export function nlriFault(
  buf: Uint8Array,
  words: DataView,
  at: number,
  end: number,
  family: Family,
  addPath: boolean,
  manyLabels: boolean,
): number {
  if (addPath === true || manyLabels === true || SELDOM[family] === 1) {
    return seldomFault(buf, at, end, family, addPath, manyLabels)
  }
  const minBits = MIN_BITS[family]!
  const span = MAX_BITS[family]! - minBits
  const wrong =
    span === 32 ? narrowFault(words, at, end, minBits) : wideFault(words, at, end, minBits, span)
  return wrong <= end ? wrong : lastNlri(buf, at, end)
}

/** IPv4: most prefixes have three octets: that is guessed, so that the processor need not wait for each length to know where the next one is. */
function narrowFault(words: DataView, at: number, end: number, minBits: number): number {
  const likely = (minBits >> 3) + 4
  const likelyBits = minBits + 17
  let k = at | 0
  while (k < end) {
    const octet = words.getUint8(k)
    if ((octet - likelyBits) >>> 0 < 8) k += likely
    else if (octet < minBits || octet - minBits > 32) return k
    else k += (octet + 15) >>> 3
  }
  return k === end ? -1 : k
}

/** One label field at most and no path identifiers. */
function wideFault(
  words: DataView,
  at: number,
  end: number,
  minBits: number,
  span: number,
): number {
  let k = at | 0
  while (k < end) {
    const octet = words.getUint8(k)
    if ((octet - minBits) >>> 0 > span) return k
    k += (octet + 15) >>> 3
  }
  return k === end ? -1 : k
}

/** With path identifiers or label stacks, route targets, and EVPN. */
function seldomFault(
  buf: Uint8Array,
  at: number,
  end: number,
  family: Family,
  addPath: boolean,
  manyLabels: boolean,
): number {
  if (family === Family.EVPN) return evpnFault(buf, at, end, addPath)
  const minBits = MIN_BITS[family]!
  if (manyLabels && minBits !== 0) return labeledFault(buf, at, end, family, addPath)
  return prefixFault(buf, at, end, minBits, MAX_BITS[family]!, addPath ? 4 : 0, family)
}

/** By family: 1 for those whose NLRI are not a length and what it says. */
const SELDOM = new Uint8Array(256)
SELDOM[Family.EVPN] = SELDOM[Family.ROUTE_TARGET] = 1

/** Where the NLRI begins that runs past the end of a list without path identifiers. */
function lastNlri(buf: Uint8Array, at: number, end: number): number {
  let last = at
  for (let k = at; k < end; k += 1 + ((buf[k]! + 7) >>> 3)) last = k
  return last
}

/** The same with path identifiers (RFC 7911 §3), and of route targets. */
function prefixFault(
  buf: Uint8Array,
  at: number,
  end: number,
  minBits: number,
  maxBits: number,
  extra: number,
  family: Family,
): number {
  let k = at
  while (k < end) {
    if (k + extra >= end) return k
    const bits = buf[k + extra]!
    if (bits < minBits || bits > maxBits) return k
    if (family === Family.ROUTE_TARGET && bits !== 0 && bits < ORIGIN_AS_BITS) return k
    const next = k + extra + 1 + ((bits + 7) >>> 3)
    if (next > end) return k
    k = next
  }
  return -1
}

/** The same with label stacks: labels up to the one with the bottom-of-stack bit (RFC 8277 §2.3). */
function labeledFault(
  buf: Uint8Array,
  at: number,
  end: number,
  family: Family,
  addPath: boolean,
): number {
  const minBits = MIN_BITS[family]!
  const span = MAX_BITS[family]! - minBits
  const extra = addPath ? 4 : 0
  let k = at
  while (k < end) {
    if (k + extra >= end) return k
    const lengthAt = k + extra
    let bits = buf[lengthAt]!
    const next = lengthAt + 1 + ((bits + 7) >>> 3)
    if (next > end || bits < minBits) return k
    for (let labelAt = lengthAt + 1; (u24(buf, labelAt) & BOTTOM_OF_STACK) === 0; labelAt += 3) {
      bits -= LABEL_BITS
      if (bits < minBits) return k
    }
    if (bits - minBits > span) return k
    k = next
  }
  return -1
}

/** Route type(1) length(1) value… (RFC 7432 §7); a type that is not known is passed by (RFC 7606 §5.4). */
function evpnFault(buf: Uint8Array, at: number, end: number, addPath: boolean): number {
  const extra = addPath ? 4 : 0
  let k = at
  while (k < end) {
    const valueAt = k + extra + 2
    if (valueAt > end) return k
    const next = valueAt + buf[valueAt - 1]!
    if (next > end || !checkEvpn(buf, buf[valueAt - 2]!, valueAt, next)) return k
    k = next
  }
  return -1
}

/** Is the range a sequence of whole NLRI of the family? See nlriFault. */
export function checkNlri(
  buf: Uint8Array,
  at: number,
  end: number,
  family: Family,
  addPath: boolean,
  manyLabels = false,
): boolean {
  return nlriFault(buf, wordsOf(buf), at, end, family, addPath, manyLabels) < 0
}
