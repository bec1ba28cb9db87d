/**
 * HOT: the Prefix-SID attribute (type 40) as the carrier of an SRv6 service: finds the SID of a
 * route, puts transposed label bits back into it, and says what to write (RFC 9252). Offsets into
 * the caller's bytes, nothing allocated. rib reads one ServiceSid per attribute set; vpn rebuilds
 * one SID per route.
 */
import { getBits, putBits, u16 } from '../base/bytes.ts'
import {
  PrefixSidTlv,
  SID_INFORMATION,
  SID_INFORMATION_MIN,
  SID_STRUCTURE,
  TLV_HEADER,
} from './prefix-sid-check.ts'
import { behaviorSpec } from './registry.ts'

/** The label field has 20 bits to carry transposed ones (RFC 9252 §4). */
const LABEL_BITS = 20
const SID_BITS = 128
/** Label 3 with bottom of stack: what a label field says when nothing is transposed into it. */
export const IMPLICIT_NULL_FIELD = 0x000031

/** Why a well-formed attribute gives no SID to forward to; the text is sidProblemText. */
export const SidProblem = {
  NONE: 0,
  NO_L3_SERVICE: 1,
  NO_SID: 2,
  UNSPECIFIED: 3,
  MULTICAST: 4,
  NOT_ROUTABLE: 5,
  WRONG_FAMILY: 6,
  TRANSPOSITION_LENGTH: 7,
  TRANSPOSITION_RANGE: 8,
  STRUCTURE_RANGE: 9,
} as const

const SID_PROBLEMS = [
  'usable',
  'no SRv6 L3 Service TLV',
  'SRv6 L3 Service TLV without a SID',
  'the SID is ::',
  'the SID is a multicast address',
  'the SID is a loopback or link-local address',
  'no SID whose behavior takes packets of this family',
  'transposition length over 20 bits',
  'transposition past the 128 bits of a SID',
  'SID structure over 128 bits',
] as const

/** The text of ServiceSid.problem. */
export function sidProblemText(code: number): string {
  return SID_PROBLEMS[code] ?? `sid problem ${code}`
}

/** How an SRv6 SID is divided, in bits (RFC 9252 §3.2.1). */
export interface SidStructure {
  blockBits: number
  nodeBits: number
  functionBits: number
  argumentBits: number
}

/** The SID one attribute offers for a family: filled by readServiceSid, reused by its owner. */
export class ServiceSid implements SidStructure {
  /** Type of the service TLV it was found in; 0: none. */
  family = 0
  /** Offset of the 16 octets in the buffer given to readServiceSid. */
  sidAt = 0
  behavior = 0
  hasStructure = false
  blockBits = 0
  nodeBits = 0
  functionBits = 0
  argumentBits = 0
  transpositionBits = 0
  transpositionOffset = 0
  /** The structure ends before the transposed bits do (errata 7817): accepted, to be counted. */
  shortStructure = false
  /** SidProblem; 0 is usable. */
  problem: number = SidProblem.NO_L3_SERVICE

  reset(): void {
    this.family = 0
    this.sidAt = 0
    this.behavior = 0
    this.problem = SidProblem.NO_L3_SERVICE
    this.clearStructure()
  }

  clearStructure(): void {
    this.hasStructure = false
    this.blockBits = 0
    this.nodeBits = 0
    this.functionBits = 0
    this.argumentBits = 0
    this.transpositionBits = 0
    this.transpositionOffset = 0
    this.shortStructure = false
  }
}

/**
 * Finds the SID for packets of the wanted families in a value that checkPrefixSid accepted: the
 * first usable one of the first SRv6 L3 Service TLV (RFC 9252 §2, §3). An unknown or opaque
 * behavior takes any family: it is the egress's affair. False, and out.problem, if there is none.
 */
export function readServiceSid(
  buf: Uint8Array,
  at: number,
  end: number,
  out: ServiceSid,
  wantV4: boolean,
  wantV6: boolean,
): boolean {
  out.reset()
  while (at < end && buf[at] !== PrefixSidTlv.SRV6_L3_SERVICE) at += TLV_HEADER + u16(buf, at + 1)
  if (at >= end) return false
  out.family = PrefixSidTlv.SRV6_L3_SERVICE
  out.problem = SidProblem.NO_SID
  const tlvEnd = at + TLV_HEADER + u16(buf, at + 1)
  at += TLV_HEADER + 1
  while (at < tlvEnd) {
    const subEnd = at + TLV_HEADER + u16(buf, at + 1)
    if (buf[at] === SID_INFORMATION) {
      const problem = problemOf(buf, at + TLV_HEADER, subEnd, wantV4, wantV6)
      if (problem === SidProblem.NONE) {
        takeSid(buf, at + TLV_HEADER, subEnd, out)
        return true
      }
      // Of several unusable SIDs the first one's reason is shown.
      if (out.problem === SidProblem.NO_SID) out.problem = problem
    }
    at = subEnd
  }
  return false
}

function problemOf(
  buf: Uint8Array,
  infoAt: number,
  end: number,
  wantV4: boolean,
  wantV6: boolean,
): number {
  const problem = sidProblem(buf, infoAt + 1)
  if (problem !== SidProblem.NONE) return problem
  const structure = structureProblem(buf, structureAt(buf, infoAt, end))
  if (structure !== SidProblem.NONE) return structure
  const spec = behaviorSpec(u16(buf, infoAt + 18))
  if (spec === undefined) return SidProblem.NONE
  const fits = (!wantV4 || spec.v4) && (!wantV6 || spec.v6)
  return fits ? SidProblem.NONE : SidProblem.WRONG_FAMILY
}

/** Where the value of the first SID Structure stands, -1 without one. */
function structureAt(buf: Uint8Array, infoAt: number, end: number): number {
  let at = infoAt + SID_INFORMATION_MIN
  while (at < end && buf[at] !== SID_STRUCTURE) at += TLV_HEADER + u16(buf, at + 1)
  return at < end ? at + TLV_HEADER : -1
}

/**
 * LBL(1) LNL(1) FL(1) AL(1) TPOS-L(1) TPOS-O(1): bit counts that cannot be make the SID invalid,
 * not the attribute malformed (RFC 9252 §7).
 */
function structureProblem(buf: Uint8Array, at: number): number {
  if (at < 0) return SidProblem.NONE
  const transposed = buf[at + 4]!
  if (transposed > LABEL_BITS) return SidProblem.TRANSPOSITION_LENGTH
  if (transposed + buf[at + 5]! > SID_BITS) return SidProblem.TRANSPOSITION_RANGE
  return structureBits(buf, at) > SID_BITS ? SidProblem.STRUCTURE_RANGE : SidProblem.NONE
}

function structureBits(buf: Uint8Array, at: number): number {
  return buf[at]! + buf[at + 1]! + buf[at + 2]! + buf[at + 3]!
}

/** Fills `out` from RESERVED1(1) SID(16) flags(1) behavior(2) RESERVED2(1) sub-sub-TLVs. */
function takeSid(buf: Uint8Array, infoAt: number, end: number, out: ServiceSid): void {
  out.sidAt = infoAt + 1
  out.behavior = u16(buf, infoAt + 18)
  out.problem = SidProblem.NONE
  out.clearStructure()
  const at = structureAt(buf, infoAt, end)
  if (at < 0) return
  out.hasStructure = true
  out.blockBits = buf[at]!
  out.nodeBits = buf[at + 1]!
  out.functionBits = buf[at + 2]!
  out.argumentBits = buf[at + 3]!
  out.transpositionBits = buf[at + 4]!
  // An offset without a length says nothing (RFC 9252 §4).
  out.transpositionOffset = out.transpositionBits === 0 ? 0 : buf[at + 5]!
  out.shortStructure = structureBits(buf, at) < out.transpositionBits + out.transpositionOffset
}

/** The SidProblem of the 16 octets at `at` as an address to send packets to. */
export function sidProblem(sid: Uint8Array, at: number): number {
  if (sid[at] === 0xff) return SidProblem.MULTICAST
  if (sid[at] === 0xfe && (sid[at + 1]! & 0xc0) === 0x80) return SidProblem.NOT_ROUTABLE
  for (let k = 0; k < 15; k++) if (sid[at + k] !== 0) return SidProblem.NONE
  if (sid[at + 15] === 0) return SidProblem.UNSPECIFIED
  return sid[at + 15] === 1 ? SidProblem.NOT_ROUTABLE : SidProblem.NONE
}

/**
 * Writes the SID of one route: the attribute's 16 octets with the transposed bits taken from the
 * high bits of the NLRI's label field (RFC 9252 §4). `label` is the 24-bit field; its EXP and
 * bottom-of-stack bits do not count. Returns the SidProblem of the result.
 */
export function rebuildSid(
  sid: ServiceSid,
  buf: Uint8Array,
  label: number,
  out: Uint8Array,
  outAt: number,
): number {
  for (let k = 0; k < 16; k++) out[outAt + k] = buf[sid.sidAt + k]!
  if (sid.transpositionBits > 0) {
    putBits(out, outAt * 8 + sid.transpositionOffset, sid.transpositionBits, label << 8)
  }
  return sidProblem(out, outAt)
}

/**
 * How many bits of a SID of this structure travel in the label (RFC 9252 §4): the function if it
 * fits, else nothing, as 20 bits of a wider one would mix two SIDs' bits.
 */
export function transposedBits(s: SidStructure): number {
  return s.functionBits <= LABEL_BITS ? s.functionBits : 0
}

/**
 * The 24-bit label field of a route with this SID: the transposed bits left-justified in the 20
 * label bits, or Implicit NULL; bottom of stack set (RFC 9252 §4, RFC 8277 §2.2).
 */
export function labelOf(sid: Uint8Array, s: SidStructure, transpose: boolean): number {
  const bits = transpose ? transposedBits(s) : 0
  if (bits === 0) return IMPLICIT_NULL_FIELD
  return (getBits(sid, s.blockBits + s.nodeBits, bits) >>> 8) | 1
}
