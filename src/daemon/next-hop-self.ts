import type { InScope, Interfaces } from '../fib/interfaces.ts'
import type { Negotiated } from '../session/negotiate.ts'
import { parseAddress } from '../wire/address.ts'
import { type Family, familySpec } from '../wire/registry.ts'
import type { Speaker } from './speaker.ts'

/**
 * The next hop that routes of a family carry to a neighbour in a VRF: our address on the session;
 * for the other family the interface's address of that family, or (RFC 8950) the IPv6 one for
 * IPv4 routes where both sides have the extended next hop capability. Null: there is none.
 */
export function nextHopFor(
  n: Negotiated,
  family: Family,
  interfaces: Interfaces,
  within: InScope,
): Uint8Array | null {
  // The connection may be gone already when its OPEN is read.
  if (n.localAddress === '') return null
  const local = parseAddress(n.localAddress.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/, ''))
  const octets = familySpec(family).addressBytes
  if (local.length === octets) return local
  if (octets === 4 && n.extendedNextHop.includes(family)) return local
  return interfaces.besides(local, octets, within)
}

/** The interfaces that no VRF holds. */
export function scopeOfNoVrf({ interfaces, vrfs }: Pick<Speaker, 'interfaces' | 'vrfs'>): InScope {
  return (ifindex) => interfaces.isFree(ifindex) && !vrfs.some(({ plane }) => plane.holds(ifindex))
}
