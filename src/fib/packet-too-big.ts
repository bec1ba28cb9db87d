/**
 * ICMP errors about packets too big for the core, as the entry of a tunnel sees and passes them on
 * (RFC 2473 §7, §8): an ICMPv6 Packet Too Big about the outer packet comes in, one about the
 * customer's packet inside goes out. Octets only; icmp-relay.ts has the sockets.
 */
import { putU16, putU32, u16, u32 } from '../base/bytes.ts'

export const ICMPV6_PACKET_TOO_BIG = 2
const ICMP_UNREACHABLE = 3
const FRAGMENTATION_NEEDED = 4

const NEXT_HEADER_IPV4 = 4
const NEXT_HEADER_IPV6 = 41
const NEXT_HEADER_ROUTING = 43
const PROTOCOL_ICMP = 1
const PROTOCOL_ICMPV6 = 58
const IPV4_HEADER = 20
const IPV6_HEADER = 40
const ICMP_HEADER = 8
const ROUTING_TYPE_SRH = 4
/** RFC 1812 §4.3.2.3: as much of the packet as fits 576 octets; RFC 4443 §2.4 c: 1280. */
const MAX_ICMP = 576
const MAX_ICMPV6 = 1280
/** No IPv6 link has less (RFC 8200 §5). */
const MIN_IPV6_MTU = 1280
/** RFC 791: every host takes that much. */
const MIN_IPV4_MTU = 68

/** A packet of a customer that did not fit, inside the error about the packet around it. */
export interface TooBig {
  /** The router that encapsulated: one of our addresses. */
  outerSource: Uint8Array
  /** The last segment: the SID of the service. */
  sid: Uint8Array
  family: 4 | 6
  source: Uint8Array
  destination: Uint8Array
  /** What of the customer's packet the error holds. */
  packet: Uint8Array
  /** The largest packet of the customer that fits. */
  mtu: number
}

/**
 * Reads an ICMPv6 message; null unless it is a Packet Too Big about an H.Encaps packet of ours
 * whose customer may be told (never about an error, to no group, of a first fragment).
 */
export function readTooBig(message: Uint8Array): TooBig | null {
  const outerAt = ICMP_HEADER
  if (message.length < outerAt + IPV6_HEADER || message[0] !== ICMPV6_PACKET_TOO_BIG) return null
  if (message[outerAt]! >> 4 !== 6) return null
  let next = message[outerAt + 6]!
  let at = outerAt + IPV6_HEADER
  let sidAt = outerAt + 24
  if (next === NEXT_HEADER_ROUTING) {
    // nexthdr(1) hdrlen(1) type(1) segments left(1) last entry(1) flags(1) tag(2) segments, the last first
    if (message.length < at + 24 || message[at + 2] !== ROUTING_TYPE_SRH) return null
    next = message[at]!
    sidAt = at + 8
    at += (message[at + 1]! + 1) * 8
  }
  if (next !== NEXT_HEADER_IPV4 && next !== NEXT_HEADER_IPV6) return null
  const family = next === NEXT_HEADER_IPV4 ? 4 : 6
  if (message.length < at + (family === 4 ? IPV4_HEADER : IPV6_HEADER)) return null
  const packet = message.subarray(at)
  if (packet[0]! >> 4 !== family || !mayBeToldOf(packet, family)) return null
  const addressAt = family === 4 ? 12 : 8
  const octets = family === 4 ? 4 : 16
  const least = family === 4 ? MIN_IPV4_MTU : MIN_IPV6_MTU
  return {
    outerSource: message.subarray(outerAt + 8, outerAt + 24),
    sid: message.subarray(sidAt, sidAt + 16),
    family,
    source: packet.subarray(addressAt, addressAt + octets),
    destination: packet.subarray(addressAt + octets, addressAt + 2 * octets),
    packet,
    mtu: Math.max(least, u32(message, 4) - (at - outerAt)),
  }
}

/** RFC 1122 §3.2.2, RFC 4443 §2.4 e: no error about an error, a later fragment, a packet to many. */
function mayBeToldOf(packet: Uint8Array, family: 4 | 6): boolean {
  if (family === 4) {
    const headerEnd = (packet[0]! & 15) * 4
    if ((u16(packet, 6) & 0x1fff) !== 0 || packet[16]! >= 224) return false
    return packet[9] !== PROTOCOL_ICMP || isIcmpQuery(packet[headerEnd])
  }
  // an echo request to a group may be told of (RFC 4443 §2.4 e.3): that is how a host learns its MTU
  if (packet[8] === 0xff) return false
  return packet[6] !== PROTOCOL_ICMPV6 || (packet[IPV6_HEADER] ?? 0) >= 128
}

/** Echo, timestamp and the like; unreachable, redirect, time exceeded and parameter problem are errors. */
function isIcmpQuery(type: number | undefined): boolean {
  return type !== undefined && ![3, 4, 5, 11, 12].includes(type)
}

/** ICMP "fragmentation needed and DF set" (RFC 1191 §4), or ICMPv6 Packet Too Big, whose checksum the kernel fills in. */
export function writeTooBig({ family, packet, mtu }: TooBig): Uint8Array {
  const room = family === 4 ? MAX_ICMP - IPV4_HEADER : MAX_ICMPV6 - IPV6_HEADER
  const quoted = packet.subarray(0, room - ICMP_HEADER)
  const message = new Uint8Array(ICMP_HEADER + quoted.length)
  message.set(quoted, ICMP_HEADER)
  if (family === 6) {
    message[0] = ICMPV6_PACKET_TOO_BIG
    putU32(message, 4, mtu)
    return message
  }
  message[0] = ICMP_UNREACHABLE
  message[1] = FRAGMENTATION_NEEDED
  putU16(message, 6, mtu)
  putU16(message, 2, internetChecksum(message))
  return message
}

/** RFC 1071. */
export function internetChecksum(octets: Uint8Array): number {
  let sum = 0
  for (let k = 0; k + 1 < octets.length; k += 2) sum += u16(octets, k)
  if (octets.length % 2 === 1) sum += octets[octets.length - 1]! << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
