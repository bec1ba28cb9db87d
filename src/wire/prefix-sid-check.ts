/**
 * HOT: the form of a Prefix-SID attribute (type 40), its tree of TLVs (RFC 8669, RFC 9252 §7):
 * lengths, nothing of what they hold. update-check.ts calls prefixSidFault once the family is known.
 */
import { u16 } from '../base/bytes.ts'

/** TLV types inside the attribute (RFC 8669 §3, RFC 9252 §2). */
export const PrefixSidTlv = {
  LABEL_INDEX: 1,
  ORIGINATOR_SRGB: 3,
  SRV6_L3_SERVICE: 5,
  SRV6_L2_SERVICE: 6,
} as const
/** The one SRv6 Service Sub-TLV type (RFC 9252 §3.1): SRv6 SID Information. */
export const SID_INFORMATION = 1
/** The one SRv6 Service Data Sub-Sub-TLV type (RFC 9252 §3.2.1): SRv6 SID Structure. */
export const SID_STRUCTURE = 1

/** Octets of type and length of a TLV, sub-TLV or sub-sub-TLV. */
export const TLV_HEADER = 3
/** RESERVED1(1) SID(16) flags(1) behavior(2) RESERVED2(1) */
export const SID_INFORMATION_MIN = 21
const SID_STRUCTURE_LEN = 6
/** RESERVED(1) flags(2) label index(4): RFC 8669 §3.1 */
const LABEL_INDEX_LEN = 7
/** flags(2), then base(3) and range(3) of each SRGB: RFC 8669 §3.2 */
const SRGB_FLAGS_LEN = 2
const SRGB_LEN = 6

const PREFIX_SID_ERRORS = [
  'ok',
  'Prefix-SID without any TLV',
  'TLV header cut off',
  'TLV longer than the attribute',
  'service TLV without its reserved octet',
  'sub-TLV header cut off',
  'sub-TLV longer than its service TLV',
  'SID Information shorter than 21 octets',
  'sub-sub-TLV header cut off',
  'sub-sub-TLV longer than its SID Information',
  'SID Structure of another length than 6',
  'Label-Index of another length than 7',
  'Originator SRGB of another length than 2 and whole ranges',
] as const

/** Why checkPrefixSid refused an attribute; the text is prefixSidErrorText. */
export const PrefixSidError = {
  EMPTY: 1,
  TLV_HEADER: 2,
  TLV_LENGTH: 3,
  SERVICE_LENGTH: 4,
  SUB_TLV_HEADER: 5,
  SUB_TLV_LENGTH: 6,
  SID_INFORMATION_LENGTH: 7,
  SUB_SUB_TLV_HEADER: 8,
  SUB_SUB_TLV_LENGTH: 9,
  SID_STRUCTURE_LENGTH: 10,
  LABEL_INDEX_LENGTH: 11,
  ORIGINATOR_SRGB_LENGTH: 12,
} as const

/** The text of a reason returned by checkPrefixSid. */
export function prefixSidErrorText(code: number): string {
  return PREFIX_SID_ERRORS[code] ?? `prefix-sid error ${code}`
}

/**
 * Checks the value of a Prefix-SID attribute: 0, or a PrefixSidError that makes the routes
 * withdrawn (RFC 9252 §7). `labeled`: as that of labeled unicast, where the TLVs of SR-MPLS count
 * (RFC 8669 §3.1; elsewhere they are ignored).
 */
export function checkPrefixSid(
  buf: Uint8Array,
  at: number,
  end: number,
  labeled: boolean = false,
): number {
  return prefixSidFault(buf, at, end, labeled) & 0xff
}

/** The same with the offset from `at` of the TLV or field that is wrong above the low eight bits. */
export function prefixSidFault(
  buf: Uint8Array,
  start: number,
  end: number,
  labeled: boolean,
): number {
  if (start >= end) return PrefixSidError.EMPTY
  let at = start
  let mild = 0
  while (at < end) {
    if (end - at < TLV_HEADER) return fault(PrefixSidError.TLV_HEADER, start, at)
    const type = buf[at]!
    const valueAt = at + TLV_HEADER
    const tlvEnd = valueAt + u16(buf, at + 1)
    if (tlvEnd > end) return fault(PrefixSidError.TLV_LENGTH, start, at)
    if (isService(type)) {
      const error = checkService(buf, start, valueAt, tlvEnd)
      if (error !== 0) return error
    } else if (labeled && mild === 0) {
      const error = srMplsError(type, tlvEnd - valueAt)
      if (error !== 0) mild = fault(error, start, at)
    }
    at = tlvEnd
  }
  return mild
}

/**
 * Is it a service TLV that prefixSidFault found wrong (RFC 9252 §7), and not another TLV or the
 * attribute as a whole (RFC 8669 §6)?
 */
export function isServiceFault(buf: Uint8Array, start: number, found: number): boolean {
  const error = found & 0xff
  if (error >= PrefixSidError.LABEL_INDEX_LENGTH || error === PrefixSidError.EMPTY) return false
  return error >= PrefixSidError.SERVICE_LENGTH || isService(buf[start + (found >>> 8)]!)
}

function isService(type: number): boolean {
  return type === PrefixSidTlv.SRV6_L3_SERVICE || type === PrefixSidTlv.SRV6_L2_SERVICE
}

/** RFC 8669 §6: the length constraints of Label-Index and Originator SRGB. */
function srMplsError(type: number, length: number): number {
  if (type === PrefixSidTlv.LABEL_INDEX) {
    return length === LABEL_INDEX_LEN ? 0 : PrefixSidError.LABEL_INDEX_LENGTH
  }
  if (type !== PrefixSidTlv.ORIGINATOR_SRGB) return 0
  const ranges = length - SRGB_FLAGS_LEN
  return ranges > 0 && ranges % SRGB_LEN === 0 ? 0 : PrefixSidError.ORIGINATOR_SRGB_LENGTH
}

function fault(error: number, start: number, at: number): number {
  return ((at - start) << 8) | error
}

/** RESERVED(1) sub-TLVs */
function checkService(buf: Uint8Array, start: number, at: number, end: number): number {
  if (at >= end) return fault(PrefixSidError.SERVICE_LENGTH, start, at - TLV_HEADER)
  at++
  while (at < end) {
    if (end - at < TLV_HEADER) return fault(PrefixSidError.SUB_TLV_HEADER, start, at)
    const valueAt = at + TLV_HEADER
    const subEnd = valueAt + u16(buf, at + 1)
    if (subEnd > end) return fault(PrefixSidError.SUB_TLV_LENGTH, start, at)
    if (buf[at] === SID_INFORMATION) {
      if (subEnd - valueAt < SID_INFORMATION_MIN) {
        return fault(PrefixSidError.SID_INFORMATION_LENGTH, start, at)
      }
      const error = checkSidData(buf, start, valueAt + SID_INFORMATION_MIN, subEnd)
      if (error !== 0) return error
    }
    at = subEnd
  }
  return 0
}

/** The sub-sub-TLVs of one SID Information. */
function checkSidData(buf: Uint8Array, start: number, at: number, end: number): number {
  while (at < end) {
    if (end - at < TLV_HEADER) return fault(PrefixSidError.SUB_SUB_TLV_HEADER, start, at)
    const valueAt = at + TLV_HEADER
    const dataEnd = valueAt + u16(buf, at + 1)
    if (dataEnd > end) return fault(PrefixSidError.SUB_SUB_TLV_LENGTH, start, at)
    if (buf[at] === SID_STRUCTURE && dataEnd - valueAt !== SID_STRUCTURE_LEN) {
      return fault(PrefixSidError.SID_STRUCTURE_LENGTH, start, at)
    }
    at = dataEnd
  }
  return 0
}
