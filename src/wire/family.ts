/**
 * Address families, a row each (RFC 4760 §3): what their NLRI and next hops look like. nlri-check.ts
 * and nlri-cursor.ts read the lookup arrays; registry.ts hands the rows on.
 */

/**
 * The address families the parser reads; 0 stands for "not a family we know". The daemon keeps
 * tables for 1 to 4; ids are bits of UpdateSession.families and never change.
 */
export const Family = {
  IPV4_UNICAST: 1,
  IPV6_UNICAST: 2,
  VPNV4: 3,
  VPNV6: 4,
  IPV4_MULTICAST: 5,
  IPV6_MULTICAST: 6,
  IPV4_LABELED_UNICAST: 7,
  IPV6_LABELED_UNICAST: 8,
  ROUTE_TARGET: 9,
  EVPN: 10,
} as const
export type Family = (typeof Family)[keyof typeof Family]

/**
 * Form of an NLRI: `prefix` is `length(1) [labels] [RD(8)] prefix`, `route-target` the same with
 * origin AS and route target for a prefix (RFC 4684 §4), `evpn` is `type(1) length(1) route`.
 */
export type NlriKind = 'prefix' | 'route-target' | 'evpn'

export interface FamilySpec {
  id: Family
  afi: number
  safi: number
  name: string
  kind: NlriKind
  /** Octets of an address; without a meaning (4) where NLRI are not prefixes of addresses. */
  addressBytes: 4 | 16
  /** Longest prefix in bits, labels and route distinguisher aside; 0 where there is no prefix. */
  prefixBits: 0 | 32 | 96 | 128
  hasRd: boolean
  hasLabel: boolean
  /** 32-bit words of an NLRI key: two of the route distinguisher, then the address. */
  keyWords: number
  /** Octets a next hop may have, link-local pairs and RFC 8950 included. */
  nextHops: readonly number[]
  rfc: string
}

/** An IPv6 next hop of IPv4 NLRI (RFC 8950 §3), negotiated or not: deployed speakers do not ask. */
const V4 = [4, 16, 32]
/** An IPv6 one with or without its link-local (RFC 2545 §3). */
const V6 = [16, 32]
/** The same behind a zero RD each (RFC 4364 §4.3.2, RFC 4659 §3.2.1, RFC 8950 §3). */
const VPN4 = [12, 24, 48]
const VPN6 = [24, 48]

/** The rows, ascending by id. */
// biome-ignore format: one row a family
export const FAMILIES: readonly FamilySpec[] = [
  { id: 1,  afi: 1,  safi: 1,   name: 'ipv4-unicast',         kind: 'prefix',       addressBytes: 4,  prefixBits: 32,  hasRd: false, hasLabel: false, keyWords: 1, nextHops: V4,   rfc: 'RFC 4760' },
  { id: 2,  afi: 2,  safi: 1,   name: 'ipv6-unicast',         kind: 'prefix',       addressBytes: 16, prefixBits: 128, hasRd: false, hasLabel: false, keyWords: 4, nextHops: V6,   rfc: 'RFC 2545' },
  { id: 3,  afi: 1,  safi: 128, name: 'vpnv4',                kind: 'prefix',       addressBytes: 4,  prefixBits: 32,  hasRd: true,  hasLabel: true,  keyWords: 3, nextHops: VPN4, rfc: 'RFC 4364' },
  { id: 4,  afi: 2,  safi: 128, name: 'vpnv6',                kind: 'prefix',       addressBytes: 16, prefixBits: 128, hasRd: true,  hasLabel: true,  keyWords: 6, nextHops: VPN6, rfc: 'RFC 4659' },
  { id: 5,  afi: 1,  safi: 2,   name: 'ipv4-multicast',       kind: 'prefix',       addressBytes: 4,  prefixBits: 32,  hasRd: false, hasLabel: false, keyWords: 1, nextHops: V4,   rfc: 'RFC 4760' },
  { id: 6,  afi: 2,  safi: 2,   name: 'ipv6-multicast',       kind: 'prefix',       addressBytes: 16, prefixBits: 128, hasRd: false, hasLabel: false, keyWords: 4, nextHops: V6,   rfc: 'RFC 2545' },
  { id: 7,  afi: 1,  safi: 4,   name: 'ipv4-labeled-unicast', kind: 'prefix',       addressBytes: 4,  prefixBits: 32,  hasRd: false, hasLabel: true,  keyWords: 1, nextHops: V4,   rfc: 'RFC 8277' },
  { id: 8,  afi: 2,  safi: 4,   name: 'ipv6-labeled-unicast', kind: 'prefix',       addressBytes: 16, prefixBits: 128, hasRd: false, hasLabel: true,  keyWords: 4, nextHops: V6,   rfc: 'RFC 8277' },
  { id: 9,  afi: 1,  safi: 132, name: 'route-target',         kind: 'route-target', addressBytes: 4,  prefixBits: 96,  hasRd: false, hasLabel: false, keyWords: 3, nextHops: V4,   rfc: 'RFC 4684' },
  { id: 10, afi: 25, safi: 70,  name: 'evpn',                 kind: 'evpn',         addressBytes: 4,  prefixBits: 0,   hasRd: true,  hasLabel: true,  keyWords: 0, nextHops: V4,   rfc: 'RFC 7432, RFC 9136' },
]

/** As bits of UpdateSession.families: every family there is a row for. */
export const ALL_FAMILIES: number = FAMILIES.reduce((bits, { id }) => bits | (1 << id), 0)

/** By AFI (0 … 31) and SAFI: the family id, 0 for none. */
export const FAMILY_IDS = new Uint8Array(32 * 256)
export const NEXT_HOP_LENGTHS = new Uint8Array(16 * 256)
for (const { id, afi, safi, nextHops } of FAMILIES) {
  FAMILY_IDS[afi * 256 + safi] = id
  for (const length of nextHops) NEXT_HOP_LENGTHS[id * 256 + length] = 1
}

/** The row of a family. */
export function familySpec(family: Family): FamilySpec {
  return FAMILIES[family - 1]!
}

/** AFI and SAFI (RFC 4760 §3) to a family, 0 when it is not one of ours. */
export function familyOf(afi: number, safi: number): Family | 0 {
  return afi < 32 ? (FAMILY_IDS[afi * 256 + (safi & 0xff)]! as Family | 0) : 0
}

/** Does the family have next hops of so many octets? */
export function isNextHopLength(family: Family, length: number): boolean {
  return NEXT_HOP_LENGTHS[family * 256 + length] === 1
}

/** 'vpnv4'; for a family that is not ours '16388/71'. */
export function familyName(afi: number, safi: number): string {
  const family = familyOf(afi, safi)
  return family === 0 ? `${afi}/${safi}` : familySpec(family).name
}
