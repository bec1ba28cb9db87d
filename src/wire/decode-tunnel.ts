/** PMSI Tunnel (RFC 6514) and Tunnel Encapsulation (RFC 9012) as plain objects: decode.ts hands them on. */
import { hexOf, u16, u24, u32 } from '../base/bytes.ts'
import { formatAddress } from './address.ts'
import {
  PMSI_HEADER,
  PmsiTunnelType,
  pmsiFault,
  TUNNEL_HEADER,
  TunnelSubTlv,
  tunnelFault,
  WIDE_SUB_TLV,
} from './tunnel.ts'

/** RFC 6514 §5; the label is the three octets of the field. */
export interface DecodedPmsi {
  flags: number
  tunnelType: number
  name: string
  label: number
  /** The endpoint of ingress replication; hexadecimal of any other tunnel, null without one. */
  identifier: string | null
}

/** One tunnel (RFC 9012 §2). */
export interface DecodedTunnel {
  at: number
  end: number
  type: number
  name: string
  subTlvs: DecodedTunnelSubTlv[]
}

/** One sub-TLV; `hex` is its value, `value` what it means where that is known. */
export interface DecodedTunnelSubTlv {
  at: number
  end: number
  type: number
  name: string
  value?: string | number
  hex: string
}

const PMSI_NAMES = new Map(
  Object.entries(PmsiTunnelType).map(([name, type]) => [
    type as number,
    name.toLowerCase().replaceAll('_', '-'),
  ]),
)

/** The value of a PMSI_TUNNEL attribute, null when its form is not right. */
export function decodePmsi(buf: Uint8Array, at: number, end: number): DecodedPmsi | null {
  if (end - at < PMSI_HEADER || pmsiFault(buf, at, end) >= 0) return null
  const tunnelType = buf[at + 1]!
  const idAt = at + PMSI_HEADER
  const isAddress = tunnelType === PmsiTunnelType.INGRESS_REPLICATION
  const id = isAddress
    ? formatAddress(buf, idAt, end - idAt === 4 ? 4 : 16)
    : `0x${hexOf(buf, idAt, end)}`
  return {
    flags: buf[at]!,
    tunnelType,
    name: PMSI_NAMES.get(tunnelType) ?? `type ${tunnelType}`,
    label: u24(buf, at + 2),
    identifier: idAt === end ? null : id,
  }
}

/** IANA tunnel types. */
const TUNNEL_NAMES: Record<number, string> = {
  1: 'l2tpv3',
  2: 'gre',
  7: 'ip-in-ip',
  8: 'vxlan',
  9: 'nvgre',
  10: 'mpls',
  11: 'mpls-in-gre',
  12: 'vxlan-gpe',
  13: 'mpls-in-udp',
  15: 'sr-policy',
  19: 'geneve',
}

const SUB_TLV_NAMES = new Map(
  Object.entries(TunnelSubTlv).map(([name, type]) => [
    type as number,
    name.toLowerCase().replaceAll('_', '-'),
  ]),
)

/** The tunnels of a TUNNEL_ENCAPSULATION attribute, null when its form is not right. */
export function decodeTunnels(buf: Uint8Array, at: number, end: number): DecodedTunnel[] | null {
  if (at === end || tunnelFault(buf, at, end) >= 0) return null
  const out: DecodedTunnel[] = []
  for (let k = at; k < end; ) {
    const type = u16(buf, k)
    const next = k + TUNNEL_HEADER + u16(buf, k + 2)
    const name = TUNNEL_NAMES[type] ?? `tunnel ${type}`
    out.push({ at: k, end: next, type, name, subTlvs: decodeSubTlvs(buf, k + TUNNEL_HEADER, next) })
    k = next
  }
  return out
}

function decodeSubTlvs(buf: Uint8Array, at: number, end: number): DecodedTunnelSubTlv[] {
  const out: DecodedTunnelSubTlv[] = []
  for (let k = at; k < end; ) {
    const type = buf[k]!
    const wide = type >= WIDE_SUB_TLV
    const valueAt = k + (wide ? 3 : 2)
    const next = valueAt + (wide ? u16(buf, k + 1) : buf[k + 1]!)
    const name = SUB_TLV_NAMES.get(type) ?? `sub-TLV ${type}`
    const value = decodeSubTlv(buf, type, valueAt, next)
    const range = { at: k, end: next, type, name }
    out.push({ ...range, ...(value === null ? {} : { value }), hex: hexOf(buf, valueAt, next) })
    k = next
  }
  return out
}

/** The Color Extended Community that a Color sub-TLV holds (RFC 9012 §3.4.2, §4.3). */
const COLOR_COMMUNITY = 0x030b

function decodeSubTlv(
  buf: Uint8Array,
  type: number,
  at: number,
  end: number,
): string | number | null {
  const length = end - at
  switch (type) {
    case TunnelSubTlv.COLOR:
      return length === 8 && u16(buf, at) === COLOR_COMMUNITY ? u32(buf, at + 4) : null
    case TunnelSubTlv.TUNNEL_EGRESS_ENDPOINT: {
      // reserved(4) address family(2) address
      if (length === 6) return 'next hop'
      const bytes = length - 6
      return bytes === 4 || bytes === 16 ? formatAddress(buf, at + 6, bytes) : null
    }
    case TunnelSubTlv.PROTOCOL_TYPE:
      return length === 2 ? `0x${hexOf(buf, at, end)}` : null
    case TunnelSubTlv.UDP_DESTINATION_PORT:
      return length === 2 ? u16(buf, at) : null
    case TunnelSubTlv.DS_FIELD:
      return length === 1 ? buf[at]! : null
    default:
      return null
  }
}
