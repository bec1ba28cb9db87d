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
