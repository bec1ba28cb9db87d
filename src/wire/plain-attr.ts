/**
 * HOT: the form that most AS_PATH and Prefix-SID attributes have, seen by a few words. What is not
 * of it may be right or wrong: attr-check.ts says. Called by update-parser.ts.
 */
import { AsSegment } from './as-path.ts'

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

/**
 * What IPv4 routes come with: ORIGIN, a plain AS_PATH and NEXT_HOP, in this order and nothing wrong
 * with them. Sets the first three rows and returns the position behind; 0 when it is something else.
 * To be asked of SHORTEST_OPENING octets or more.
 */
export function plainOpening(
  attrAt: Int32Array,
  words: DataView,
  at: number,
  attrsEnd: number,
): number {
  const origin = words.getInt32(at) ^ ORIGIN
  const pathAt = (at + 4) | 0
  // length(8) 0(8), when the rest is flags, type and AS_SEQUENCE
  const path = words.getInt32(pathAt) ^ AS_PATH
  const hops = words.getUint8((pathAt + 4) | 0)
  if ((hops - 2) >>> 0 > MAX_HOPS - 2) return 0
  const nextHopAt = (pathAt + 5 + (hops << 2)) | 0
  const behind = (nextHopAt + 7) | 0
  if (origin >>> 0 > 2 || path !== (hops * 4 + 2) << 8 || behind > attrsEnd) return 0
  if ((words.getInt32(nextHopAt) ^ NEXT_HOP) >>> 0 >= HIGH) return 0
  const lastAt = (nextHopAt - 16) | 0
  if (hasZero(words, lastAt)) return 0
  for (let k = (pathAt + 5) | 0; k < lastAt; k = (k + 4) | 0) {
    if (words.getInt32(k) === 0) return 0
  }
  attrAt[0] = at
  attrAt[1] = pathAt
  attrAt[2] = nextHopAt
  return behind
}

/** Octets of a Prefix-SID with one SRv6 L3 Service TLV, one SID and its structure (RFC 9252 §3). */
export const PLAIN_SERVICE = 37

/**
 * type(1) length(2) RESERVED(1), type(1) length(2) RESERVED1(1) SID(16) flags(1) behavior(2)
 * RESERVED2(1), type(1) length(2) structure(6): are types and lengths what they must be?
 */
export function isPlainService(words: DataView, at: number): boolean {
  const service = words.getInt32(at) ^ 0x05002200
  const information = words.getInt32(at + 4) ^ 0x01001e00
  const structure = words.getInt32(at + 28) ^ 0x01000600
  return ((service | information | structure) & 0xffffff00) === 0
}
