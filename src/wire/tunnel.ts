/**
 * HOT: the form of PMSI Tunnel (RFC 6514 §5) and Tunnel Encapsulation (RFC 9012) attributes.
 * update-check.ts calls the checks; decode-tunnel.ts prints what they have passed.
 */
import { u16 } from '../base/bytes.ts'

/** IANA P-Multicast Service Interface tunnel types. */
export const PmsiTunnelType = {
  NONE: 0,
  RSVP_TE_P2MP: 1,
  MLDP_P2MP: 2,
  PIM_SSM: 3,
  PIM_SM: 4,
  BIDIR_PIM: 5,
  INGRESS_REPLICATION: 6,
  MLDP_MP2MP: 7,
  TRANSPORT: 8,
  ASSISTED_REPLICATION: 10,
  BIER: 11,
  SR_MPLS_P2MP: 12,
  SRV6_P2MP: 13,
} as const

/** flags(1) tunnel type(1) label(3), then the tunnel identifier. */
export const PMSI_HEADER = 5
/** Set in the type of a composite tunnel, whose identifier is two in a row (RFC 8317 §3.4). */
const COMPOSITE = 0x80
const EXPERIMENTAL_FIRST = 0x7b
const EXPERIMENTAL_LAST = 0x7e

/** The IPv4 and IPv6 lengths of identifiers made of addresses; -1: of another form, not checked here. */
const IDENTIFIER_V4 = [0, 12, -1, 8, 8, 8, 4, -1]
const IDENTIFIER_V6 = [0, 24, -1, 32, 32, 32, 16, -1]
/** FEC element: type(1) address family(2) address length(1) root, opaque length(2) opaque (RFC 6388 §2.2). */
const FEC_HEADER = 4

/** Offset from `at` of what makes the attribute malformed (RFC 6514 §5), -1 when nothing does. */
export function pmsiFault(buf: Uint8Array, at: number, end: number): number {
  const type = buf[at + 1]!
  const base = type & ~COMPOSITE
  if (!isDefinedTunnel(base)) return 1
  const length = end - at - PMSI_HEADER
  if (type !== base || type >= IDENTIFIER_V4.length) return -1
  const expected = IDENTIFIER_V4[type]!
  if (expected < 0) return isFecElement(buf, at + PMSI_HEADER, length) ? -1 : PMSI_HEADER
  return length === expected || length === IDENTIFIER_V6[type] ? -1 : PMSI_HEADER
}

function isDefinedTunnel(type: number): boolean {
  if (type <= PmsiTunnelType.TRANSPORT) return true
  if (type >= EXPERIMENTAL_FIRST && type <= EXPERIMENTAL_LAST) return true
  return type >= PmsiTunnelType.ASSISTED_REPLICATION && type <= PmsiTunnelType.SRV6_P2MP
}

function isFecElement(buf: Uint8Array, at: number, length: number): boolean {
  if (length < FEC_HEADER + 2) return false
  const opaqueAt = FEC_HEADER + buf[at + 3]!
  return opaqueAt + 2 <= length && opaqueAt + 2 + u16(buf, at + opaqueAt) === length
}

/** type(2) length(2) of a tunnel TLV. */
export const TUNNEL_HEADER = 4
/** Sub-TLVs from here on have two length octets (RFC 9012 §2). */
export const WIDE_SUB_TLV = 128

/** IANA tunnel encapsulation sub-TLVs that are shown by value. */
export const TunnelSubTlv = {
  ENCAPSULATION: 1,
  PROTOCOL_TYPE: 2,
  COLOR: 4,
  TUNNEL_EGRESS_ENDPOINT: 6,
  DS_FIELD: 7,
  UDP_DESTINATION_PORT: 8,
} as const

/** What hasEndpoint tells tunnels apart by: reserved(4) address family(2) address. */
const ENDPOINT_NONE = 6
const ENDPOINT_V4 = 10
const ENDPOINT_V6 = 22
const AFI_V4 = 1
const AFI_V6 = 2

/**
 * Is there a tunnel with exactly one well-formed egress endpoint, in a value tunnelFault has passed?
 * Others are ignored, and an attribute without any is malformed (RFC 9012 §3.1, §13).
 */
export function hasEndpoint(buf: Uint8Array, at: number, end: number): boolean {
  for (let k = at; k < end; ) {
    const tlvEnd = k + TUNNEL_HEADER + u16(buf, k + 2)
    let good = 0
    let all = 0
    for (let sub = k + TUNNEL_HEADER; sub < tlvEnd; ) {
      const next = subTlvEnd(buf, sub, tlvEnd)
      if (buf[sub] === TunnelSubTlv.TUNNEL_EGRESS_ENDPOINT) {
        all++
        if (isEndpoint(buf, sub + 2, next)) good++
      }
      sub = next
    }
    if (all === 1 && good === 1) return true
    k = tlvEnd
  }
  return false
}

function isEndpoint(buf: Uint8Array, at: number, end: number): boolean {
  const length = end - at
  if (length === ENDPOINT_NONE) return u16(buf, at + 4) === 0
  if (length === ENDPOINT_V4) return u16(buf, at + 4) === AFI_V4
  return length === ENDPOINT_V6 && u16(buf, at + 4) === AFI_V6
}

/**
 * Offset from `at` of the TLV or sub-TLV that does not end where its parent says, -1 when all do
 * (RFC 9012 §13). What other sub-TLVs hold is no reason to refuse the attribute.
 */
export function tunnelFault(buf: Uint8Array, at: number, end: number): number {
  let k = at
  while (k < end) {
    if (end - k < TUNNEL_HEADER) return k - at
    const valueAt = k + TUNNEL_HEADER
    const tlvEnd = valueAt + u16(buf, k + 2)
    if (tlvEnd > end) return k - at
    for (let sub = valueAt; sub < tlvEnd; ) {
      const next = subTlvEnd(buf, sub, tlvEnd)
      if (next < 0) return sub - at
      sub = next
    }
    k = tlvEnd
  }
  return -1
}

/** Behind the sub-TLV at `at`, -1 when it does not fit in front of `end`. */
function subTlvEnd(buf: Uint8Array, at: number, end: number): number {
  const wide = buf[at]! >= WIDE_SUB_TLV
  const valueAt = at + (wide ? 3 : 2)
  if (valueAt > end) return -1
  const next = valueAt + (wide ? u16(buf, at + 1) : buf[at + 1]!)
  return next > end ? -1 : next
}
