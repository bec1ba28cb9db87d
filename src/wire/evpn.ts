/**
 * HOT: EVPN routes (RFC 7432 §7, RFC 9136 §3) as offsets. A row a route type says in which order
 * its fields stand; checkEvpn and EvpnRoute.read walk by it, nothing is allocated.
 *
 *     1 Ethernet A-D      RD(8) ESI(10) tag(4) label(3)
 *     2 MAC/IP            RD(8) ESI(10) tag(4) length(1) MAC(6) length(1) IP(0, 4, 16) label(3) [label(3)]
 *     3 inclusive multicast  RD(8) tag(4) length(1) IP(4, 16)
 *     4 Ethernet segment  RD(8) ESI(10) length(1) IP(4, 16)
 *     5 IP prefix         RD(8) ESI(10) tag(4) length(1) prefix(4, 16) gateway(4, 16) label(3)
 */
import { u24, u32 } from '../base/bytes.ts'

/** IANA EVPN route types, those that are read. */
export const EvpnType = {
  ETHERNET_AUTO_DISCOVERY: 1,
  MAC_IP_ADVERTISEMENT: 2,
  INCLUSIVE_MULTICAST: 3,
  ETHERNET_SEGMENT: 4,
  IP_PREFIX: 5,
} as const

const EVPN_NAMES = [
  '',
  'ethernet-auto-discovery',
  'mac-ip-advertisement',
  'inclusive-multicast-ethernet-tag',
  'ethernet-segment',
  'ip-prefix',
]

/** 'ip-prefix'; 'type 9' for one that is not read. */
export function evpnTypeName(type: number): string {
  return EVPN_NAMES[type] || `type ${type}`
}

const RD_OCTETS = 8
const ESI_OCTETS = 10
const TAG_OCTETS = 4
const MAC_BITS = 48
const LABEL_OCTETS = 3
/** Octets of the routes without an address in them, and of the shortest and longest with one. */
const AUTO_DISCOVERY_OCTETS = 25
const MAC_OCTETS_BEFORE_IP = 30
const MULTICAST_BEFORE_IP = 13
const SEGMENT_BEFORE_IP = 19
const IP_PREFIX_V4 = 34
const IP_PREFIX_V6 = 58
/** Where the length of the prefix stands in an IP prefix route. */
const PREFIX_LENGTH_AT = 22

/** Has the route of a known type the length and the length fields its RFC gives it? True for other types. */
export function checkEvpn(buf: Uint8Array, type: number, at: number, end: number): boolean {
  const length = end - at
  switch (type) {
    case EvpnType.ETHERNET_AUTO_DISCOVERY:
      return length === AUTO_DISCOVERY_OCTETS
    case EvpnType.MAC_IP_ADVERTISEMENT: {
      if (length < MAC_OCTETS_BEFORE_IP + LABEL_OCTETS) return false
      if (buf[at + PREFIX_LENGTH_AT] !== MAC_BITS) return false
      const bits = buf[at + MAC_OCTETS_BEFORE_IP - 1]!
      if (bits !== 0 && bits !== 32 && bits !== 128) return false
      const labels = length - MAC_OCTETS_BEFORE_IP - (bits >>> 3)
      return labels === LABEL_OCTETS || labels === 2 * LABEL_OCTETS
    }
    case EvpnType.INCLUSIVE_MULTICAST:
      return endsWithAddress(buf, at, length, MULTICAST_BEFORE_IP)
    case EvpnType.ETHERNET_SEGMENT:
      return endsWithAddress(buf, at, length, SEGMENT_BEFORE_IP)
    case EvpnType.IP_PREFIX:
      if (length === IP_PREFIX_V4) return buf[at + PREFIX_LENGTH_AT]! <= 32
      return length === IP_PREFIX_V6 && buf[at + PREFIX_LENGTH_AT]! <= 128
    default:
      return true
  }
}

function endsWithAddress(buf: Uint8Array, at: number, length: number, before: number): boolean {
  if (length !== before + 4 && length !== before + 16) return false
  return buf[at + before - 1] === (length - before) << 3
}

/** The EVPN route a NlriCursor stands on; positions of fields the route does not have are -1. */
export class EvpnRoute {
  /** EvpnType; of another type only valueAt and valueEnd say something. */
  type = 0
  valueAt = -1
  valueEnd = -1
  /** Eight octets; ten; six. */
  rdAt = -1
  esiAt = -1
  macAt = -1
  ethernetTag = 0
  /** Address or prefix: position, octets there (0, 4, 16), and length in bits. */
  ipAt = -1
  ipBytes = 0
  ipBits = 0
  /** Of an IP prefix route; as many octets as ipBytes. */
  gatewayAt = -1
  /** The 24-bit fields; a VXLAN VNI uses all of them (RFC 8365 §5.1.3). */
  labelCount = 0
  label = 0
  label2 = 0

  /** Fills the fields from a route that checkEvpn has passed. */
  read(buf: Uint8Array, type: number, at: number, end: number): void {
    this.type = type
    this.valueAt = at
    this.valueEnd = end
    this.rdAt = this.esiAt = this.macAt = this.ipAt = this.gatewayAt = -1
    this.ethernetTag = this.ipBytes = this.ipBits = 0
    this.labelCount = this.label = this.label2 = 0
    if (type < EvpnType.ETHERNET_AUTO_DISCOVERY || type > EvpnType.IP_PREFIX) return
    this.rdAt = at
    let k = at + RD_OCTETS
    if (type !== EvpnType.INCLUSIVE_MULTICAST) {
      this.esiAt = k
      k += ESI_OCTETS
    }
    if (type !== EvpnType.ETHERNET_SEGMENT) {
      this.ethernetTag = u32(buf, k)
      k += TAG_OCTETS
    }
    if (type === EvpnType.MAC_IP_ADVERTISEMENT) {
      this.macAt = k + 1
      k += 7
    }
    if (type !== EvpnType.ETHERNET_AUTO_DISCOVERY) k = this.#readAddress(buf, k, end)
    if (k === end) return
    this.label = u24(buf, k)
    this.labelCount = 1
    if (k + LABEL_OCTETS === end) return
    this.label2 = u24(buf, k + LABEL_OCTETS)
    this.labelCount = 2
  }

  #readAddress(buf: Uint8Array, at: number, end: number): number {
    this.ipBits = buf[at]!
    this.ipAt = at + 1
    if (this.type !== EvpnType.IP_PREFIX) {
      this.ipBytes = this.ipBits >>> 3
      return at + 1 + this.ipBytes
    }
    this.ipBytes = end - this.valueAt === IP_PREFIX_V4 ? 4 : 16
    this.gatewayAt = this.ipAt + this.ipBytes
    return this.gatewayAt + this.ipBytes
  }
}
