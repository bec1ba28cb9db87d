/** The TCP segment in a captured packet: link layer, IPv4 or IPv6, tunnels of either in either. */
import { u16, u32 } from '../base/bytes.ts'

/** One TCP segment, its addresses and payload in the `buf` of the packet. */
export interface Segment {
  addressBytes: 4 | 16
  sourceAt: number
  targetAt: number
  sourcePort: number
  targetPort: number
  sequence: number
  syn: boolean
  fin: boolean
  rst: boolean
  payloadAt: number
  payloadEnd: number
}

const TCP = 6
const IPV4_IN = 4
const IPV6_IN = 41
/** Hop-by-hop options, routing header, destination options: what may stand before TCP. */
const EXTENSIONS = new Set([0, 43, 60])
const AUTHENTICATION = 51
const MAX_TUNNELS = 4

/** Octets before the network layer by link type; -1: not one that is read. */
function networkAt(linkType: number, buf: Uint8Array, at: number, end: number): number {
  switch (linkType) {
    case 0: // BSD loopback, its family in the octet order of the machine
    case 108:
      return at + 4
    case 1:
      return behindTags(buf, at + 12, end)
    case 12: // raw IP, by its several numbers
    case 14:
    case 101:
    case 228:
    case 229:
      return at
    case 113: // Linux cooked
      return behindTags(buf, at + 14, end)
    case 276: // Linux cooked, second version: the EtherType comes first
      return at + 20
    default:
      return -1
  }
}

/** Behind the EtherType at `at` and the VLAN tags there may be. */
function behindTags(buf: Uint8Array, at: number, end: number): number {
  let k = at
  while (k + 2 <= end && (u16(buf, k) === 0x8100 || u16(buf, k) === 0x88a8)) k += 4
  return k + 2
}

/** Is the link type one of those whose packets are read? */
export function isReadLink(linkType: number): boolean {
  return networkAt(linkType, new Uint8Array(0), 0, 0) >= 0
}

/** The TCP segment of a packet, null when it has none that is whole enough to be read. */
export function segmentOf(
  linkType: number,
  buf: Uint8Array,
  at: number,
  end: number,
): Segment | null {
  const start = networkAt(linkType, buf, at, end)
  return start < 0 ? null : fromNetwork(buf, start, end, 0)
}

function fromNetwork(buf: Uint8Array, at: number, end: number, depth: number): Segment | null {
  if (at >= end || depth > MAX_TUNNELS) return null
  const version = buf[at]! >>> 4
  if (version === 4) return fromIpv4(buf, at, end, depth)
  return version === 6 ? fromIpv6(buf, at, end, depth) : null
}

function fromIpv4(buf: Uint8Array, at: number, end: number, depth: number): Segment | null {
  const headerLength = (buf[at]! & 15) * 4
  if (headerLength < 20 || at + headerLength > end) return null
  const totalLength = u16(buf, at + 2)
  // a fragment: TCP does not make any
  if ((u16(buf, at + 6) & 0x3fff) !== 0) return null
  // 0: cut into packets by the network card
  const packetEnd = totalLength === 0 ? end : Math.min(at + totalLength, end)
  const next = at + headerLength
  if (next > packetEnd) return null
  const segment = fromTransport(buf[at + 9]!, buf, next, packetEnd, depth)
  if (segment && segment.addressBytes === 4 && segment.sourceAt < 0) {
    segment.sourceAt = at + 12
    segment.targetAt = at + 16
  }
  return segment
}

function fromIpv6(buf: Uint8Array, at: number, end: number, depth: number): Segment | null {
  if (at + 40 > end) return null
  const payloadLength = u16(buf, at + 4)
  const packetEnd = payloadLength === 0 ? end : Math.min(at + 40 + payloadLength, end)
  let header = buf[at + 6]!
  let k = at + 40
  while (EXTENSIONS.has(header) || header === AUTHENTICATION) {
    if (k + 8 > packetEnd) return null
    const words = buf[k + 1]!
    const next = header === AUTHENTICATION ? k + (words + 2) * 4 : k + (words + 1) * 8
    header = buf[k]!
    k = next
  }
  if (k > packetEnd) return null
  const segment = fromTransport(header, buf, k, packetEnd, depth)
  if (segment && segment.sourceAt < 0) {
    segment.addressBytes = 16
    segment.sourceAt = at + 8
    segment.targetAt = at + 24
  }
  return segment
}

/** The addresses are filled in by the caller, the innermost network header. */
function fromTransport(
  protocol: number,
  buf: Uint8Array,
  at: number,
  end: number,
  depth: number,
): Segment | null {
  if (protocol === IPV4_IN || protocol === IPV6_IN) return fromNetwork(buf, at, end, depth + 1)
  if (protocol !== TCP || at + 20 > end) return null
  const headerLength = (buf[at + 12]! >>> 4) * 4
  if (headerLength < 20 || at + headerLength > end) return null
  const flags = buf[at + 13]!
  return {
    addressBytes: 4,
    sourceAt: -1,
    targetAt: -1,
    sourcePort: u16(buf, at),
    targetPort: u16(buf, at + 2),
    sequence: u32(buf, at + 4),
    syn: (flags & 2) !== 0,
    fin: (flags & 1) !== 0,
    rst: (flags & 4) !== 0,
    payloadAt: at + headerLength,
    payloadEnd: end,
  }
}
