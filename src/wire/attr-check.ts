/**
 * HOT: what can be wrong with the value of an attribute though its length is right. A check gives 0,
 * or an UpdateReason with the position of what is wrong: faultOf. Called by update-parser.ts.
 */
import { i32, u16 } from '../base/bytes.ts'
import { AsSegment } from './as-path.ts'
import { Attr } from './registry.ts'
import { pmsiFault } from './tunnel.ts'
import { UpdateReason } from './update-reason.ts'

/** A reason, and how far behind the start of the value what it is about stands. */
export function faultOf(reason: number, offset: number): number {
  return (offset << 8) | reason
}

/** The UpdateReason of what a check gave. */
export function reasonOfFault(fault: number): number {
  return fault & 0xff
}

/** The offset into the value of what a check gave. */
export function offsetOfFault(fault: number): number {
  return fault >>> 8
}

/** By type: 1 for the attributes that checkValue looks into, HAS_FAMILY_CHECK for family-check.ts. */
export const HAS_VALUE_CHECK = new Uint8Array(256)
for (const type of [
  Attr.ORIGIN,
  Attr.AS_PATH,
  Attr.AS4_PATH,
  Attr.AGGREGATOR,
  Attr.AS4_AGGREGATOR,
  Attr.PMSI_TUNNEL,
  Attr.AIGP,
]) {
  HAS_VALUE_CHECK[type] = 1
}
export const HAS_FAMILY_CHECK = 2
for (const type of [Attr.TUNNEL_ENCAPSULATION, Attr.PREFIX_SID]) {
  HAS_VALUE_CHECK[type] = HAS_FAMILY_CHECK
}

/** The fault of a value of the type, 0 for none. */
export function checkValue(
  type: number,
  buf: Uint8Array,
  at: number,
  end: number,
  asn4: boolean,
  ebgp: boolean,
): number {
  switch (type) {
    case Attr.ORIGIN:
      return buf[at]! > 2 ? UpdateReason.ORIGIN_VALUE : 0
    case Attr.AS_PATH:
      return checkAsPath(buf, at, end, asn4 ? 4 : 2, ebgp)
    case Attr.AS4_PATH: // confederation segments in it are left out when it is merged
      return checkAsPath(buf, at, end, 4, false)
    case Attr.AGGREGATOR:
      return checkAggregator(buf, at, end, asn4 ? 4 : 2)
    case Attr.AS4_AGGREGATOR:
      return checkAggregator(buf, at, end, 4)
    case Attr.AIGP:
      return checkAigp(buf, at, end)
    case Attr.PMSI_TUNNEL: {
      const offset = pmsiFault(buf, at, end)
      return offset < 0 ? 0 : faultOf(UpdateReason.PMSI_TUNNEL, offset)
    }
    default:
      return 0
  }
}

/** RFC 7606 §7.2: segment types, segment lengths; RFC 7607 §2: AS 0; RFC 5065 §5. */
export function checkAsPath(
  buf: Uint8Array,
  at: number,
  end: number,
  width: 2 | 4,
  ebgp: boolean,
): number {
  const { SET, CONFED_SEQUENCE, CONFED_SET } = AsSegment
  let k = at
  while (k < end) {
    if (end - k < 2) return faultOf(UpdateReason.AS_PATH_SEGMENT_HEADER, k - at)
    const type = buf[k]!
    if (type < SET || type > CONFED_SET) return faultOf(UpdateReason.AS_PATH_SEGMENT_TYPE, k - at)
    const count = buf[k + 1]!
    if (count === 0) return faultOf(UpdateReason.AS_PATH_SEGMENT_EMPTY, k + 1 - at)
    const segmentEnd = k + 2 + (width === 4 ? count << 2 : count << 1)
    if (segmentEnd > end) return faultOf(UpdateReason.AS_PATH_SEGMENT_LENGTH, k + 1 - at)
    if (ebgp && type >= CONFED_SEQUENCE) return faultOf(UpdateReason.AS_PATH_CONFEDERATION, k - at)
    k += 2
    if (width === 4) {
      for (; k < segmentEnd; k += 4) {
        if (i32(buf, k) === 0) return faultOf(UpdateReason.AS_ZERO, k - at)
      }
    } else {
      for (; k < segmentEnd; k += 2) {
        if (u16(buf, k) === 0) return faultOf(UpdateReason.AS_ZERO, k - at)
      }
    }
  }
  return 0
}

/** AS(2 or 4) address(4): RFC 7606 §7.7, RFC 7607 §2. */
function checkAggregator(buf: Uint8Array, at: number, end: number, width: 2 | 4): number {
  if (end - at !== width + 4) return UpdateReason.LENGTH
  const as = width === 4 ? i32(buf, at) : u16(buf, at)
  return as === 0 ? UpdateReason.AS_ZERO : 0
}

const AIGP_TLV = 1
const AIGP_TLV_LENGTH = 11

/** type(1) length(2) value…, the length counting all three: RFC 7311 §3. */
export function checkAigp(buf: Uint8Array, at: number, end: number): number {
  let k = at
  while (k < end) {
    if (end - k < 3) return faultOf(UpdateReason.AIGP_TLV, k - at)
    const length = u16(buf, k + 1)
    if (length < 3 || k + length > end) return faultOf(UpdateReason.AIGP_TLV, k - at)
    if (buf[k] === AIGP_TLV && length !== AIGP_TLV_LENGTH) {
      return faultOf(UpdateReason.AIGP_TLV, k - at)
    }
    k += length
  }
  return 0
}
