/**
 * HOT: the form that most AS_PATH and Prefix-SID attributes have, seen by a few words. What is not
 * of it may be right or wrong: attr-check.ts says. Called by update-parser.ts.
 */
import { AsSegment } from './as-path.ts'
import { ATTR_BIT } from './attribute.ts'
import { Attr } from './registry.ts'
import type { UpdateView } from './update-view.ts'

const SEQUENCE = AsSegment.SEQUENCE << 8

/** Nothing, or one AS_SEQUENCE of two or more four-octet numbers of which none is 0. */
export function isPlainPath(words: DataView, at: number, end: number): boolean {
  const length = end - at
  if (length < 10) return length === 0
  if ((length & 3) !== 2 || words.getUint16(at) !== (SEQUENCE | (length >> 2))) return false
  // four at a time, first the last four: of two or three the header, which is not 0, is among them
  if (hasZero(words, end - 16)) return false
  for (let k = at + 2; k < end - 16; k += 16) if (hasZero(words, k)) return false
  return true
}

/** Is one of four words 0? */
function hasZero(words: DataView, at: number): boolean {
  return (
    words.getInt32(at) === 0 ||
    words.getInt32(at + 4) === 0 ||
    words.getInt32(at + 8) === 0 ||
    words.getInt32(at + 12) === 0
  )
}

/** ORIGIN with flags, type and length, NEXT_HOP the same, and AS_PATH's flags and type. */
export const ORIGIN_HEADER = 0x400101
const ORIGIN = ORIGIN_HEADER << 8
const AS_PATH = 0x40020002
const NEXT_HOP = 0x40030400
/** 224.0.0.0: next hops from here on are looked at by update-check.ts. */
const HIGH = 0xe0
/** As many as an AS_PATH with one octet of length holds. */
const MAX_HOPS = 63
/** Octets of ORIGIN, an AS_PATH of two hops and NEXT_HOP. */
export const SHORTEST_OPENING = 4 + 13 + 7
/** Flags, type and length of MULTI_EXIT_DISC; flags and type of COMMUNITIES. */
const MED = 0x800404
const COMMUNITIES = 0xc00800
const OPENING_BITS = ATTR_BIT[Attr.ORIGIN]! | ATTR_BIT[Attr.AS_PATH]! | ATTR_BIT[Attr.NEXT_HOP]!
const MED_BIT = ATTR_BIT[Attr.MULTI_EXIT_DISC]!
const COMMUNITIES_BIT = ATTR_BIT[Attr.COMMUNITIES]!

/**
 * What IPv4 routes come with: ORIGIN, a plain AS_PATH and NEXT_HOP, in this order and nothing wrong
 * with them; behind them MULTI_EXIT_DISC, and COMMUNITIES as the last of all, may be there. Makes
 * rows of them and returns the position behind; `at`, without a row, when it is something else.
 * To be asked of SHORTEST_OPENING octets or more.
 */
export function passOpening(view: UpdateView, at: number, attrsEnd: number): number {
  const { words, attrAt } = view
  const pathAt = (at + 4) | 0
  if ((words.getInt32(at) ^ ORIGIN) >>> 0 > 2) return at
  // length(8) 0(8), when the rest is flags, type and AS_SEQUENCE
  const path = words.getInt32(pathAt) ^ AS_PATH
  const hops = words.getUint8((pathAt + 4) | 0)
  if ((hops - 2) >>> 0 > MAX_HOPS - 2 || path !== (hops * 4 + 2) << 8) return at
  const nextHopAt = (pathAt + 5 + (hops << 2)) | 0
  let end = (nextHopAt + 7) | 0
  if (end > attrsEnd || (words.getInt32(nextHopAt) ^ NEXT_HOP) >>> 0 >= HIGH) return at
  // Is a number 0? The first three and the last five are all of a path of two to eight: of a shorter
  // one, headers around it are looked at, which are not 0.
  const isBad =
    words.getInt32((pathAt + 5) | 0, true) === 0 ||
    words.getInt32((pathAt + 9) | 0, true) === 0 ||
    words.getInt32((pathAt + 13) | 0, true) === 0 ||
    words.getInt32((nextHopAt - 20) | 0, true) === 0 ||
    words.getInt32((nextHopAt - 16) | 0, true) === 0 ||
    words.getInt32((nextHopAt - 12) | 0, true) === 0 ||
    words.getInt32((nextHopAt - 8) | 0, true) === 0 ||
    words.getInt32((nextHopAt - 4) | 0, true) === 0
  if (isBad) return at
  for (let k = (pathAt + 17) | 0; k < nextHopAt - 20; k = (k + 4) | 0) {
    if (words.getInt32(k, true) === 0) return at
  }
  attrAt[0] = at
  attrAt[1] = pathAt
  attrAt[2] = nextHopAt
  // Half of the messages have the one and half the other: arithmetic in place of branches, as no
  // guess would be good. Where no attribute can follow the header of the one before is read again.
  const isMed = isZero((words.getInt32((end - (7 & ((attrsEnd - end - 7) >> 31))) | 0) >>> 8) ^ MED)
  attrAt[3] = end
  end = (end + (7 & -isMed)) | 0
  const left = (attrsEnd - end) | 0
  const head = words.getInt32((end - (7 & ((left - 7) >> 31))) | 0) >>> 8
  const isLast = isZero((head - (COMMUNITIES + left - 3)) | ((left - 3) & 3))
  attrAt[3 + isMed] = end
  view.attrCount = 3 + isMed + isLast
  view.attrBits = OPENING_BITS | (MED_BIT & -isMed) | (COMMUNITIES_BIT & -isLast)
  return (end + (left & -isLast)) | 0
}

/** 1 for 0, else 0. */
function isZero(word: number): number {
  return ((word | -word) >>> 31) ^ 1
}

/** Octets of a Prefix-SID with one SRv6 L3 Service TLV, one SID and its structure (RFC 9252 §3). */
export const PLAIN_SERVICE = 37

/**
 * type(1) length(2) RESERVED(1), type(1) length(2) RESERVED1(1) SID(16) flags(1) behavior(2)
 * RESERVED2(1), type(1) length(2) structure(6): what types and lengths must be in its words at 0, 4
 * and 28, without their last octet.
 */
export const SERVICE_HEADS = {
  SERVICE: 0x05002200,
  INFORMATION: 0x01001e00,
  STRUCTURE: 0x01000600,
}
