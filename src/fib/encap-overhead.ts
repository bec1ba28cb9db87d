/** What H.Encaps adds to a packet (RFC 8986 §5.1, §5.2), and what Linux thinks that it adds. */
import type { EncapMode } from './kernel.ts'

const IPV6_HEADER = 40
/** Segment routing header without its segments (RFC 8754 §2). */
const SRH_HEADER = 8
const SEGMENT = 16

/** Octets in front of the customer's packet: H.Encaps.Red leaves out the first segment, and an SRH of none. */
export function encapOverhead(mode: EncapMode, segments: number): number {
  const listed = mode === 'encap' ? segments : segments - 1
  return IPV6_HEADER + (listed === 0 ? 0 : SRH_HEADER + listed * SEGMENT)
}

/**
 * What the kernel takes off a route's `mtu` before it tells a sender: it counts the whole SRH for
 * H.Encaps.Red too (seg6_lwt_headroom, seen with 6.12 and 6.18), so `mtu` has to be that much more.
 */
export function kernelHeadroom(segments: number): number {
  return encapOverhead('encap', segments)
}

/** What RTAX_ADVMSS is for packets of `mtu` octets: less the IP and TCP headers without options. */
export function advmssOf(mtu: number, family: number): number {
  return Math.max(0, mtu - (family === 6 ? 60 : 40))
}
