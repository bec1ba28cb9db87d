/**
 * HOT: extended communities (RFC 4360) on byte ranges: `type(1) sub-type(1) value(6)`, eight
 * octets each. The ranges are attribute values that parseUpdate has checked.
 */
import { equalBytes } from '../base/bytes.ts'

/** Octets of one extended community. */
export const EXT_COMMUNITY_LENGTH = 8

/** Set in the type of a community that must not leave the AS (RFC 4360 §3.1). */
const NON_TRANSITIVE = 0x40
const ROUTE_TARGET = 2
const LINK_BANDWIDTH = 4

/**
 * Is the community at `at` a route target: sub-type 2 of the two-octet-AS, IPv4-address or
 * four-octet-AS type (RFC 4360 §4, RFC 5668 §4)?
 */
export function isRouteTarget(buf: Uint8Array, at: number): boolean {
  return buf[at]! <= 2 && buf[at + 1] === ROUTE_TARGET
}

/**
 * Is it a link bandwidth: sub-type 4 of the two-octet-AS type, transitive or not
 * (draft-ietf-idr-link-bandwidth §2)?
 */
export function isLinkBandwidth(buf: Uint8Array, at: number): boolean {
  return (buf[at]! & ~NON_TRANSITIVE) === 0 && buf[at + 1] === LINK_BANDWIDTH
}

/** May the community at `at` be sent to another AS (RFC 4360 §6)? */
export function isTransitive(buf: Uint8Array, at: number): boolean {
  return (buf[at]! & NON_TRANSITIVE) === 0
}

/** How many route targets stand in the range. */
export function countRouteTargets(buf: Uint8Array, at: number, end: number): number {
  let count = 0
  for (let k = at; k < end; k += EXT_COMMUNITY_LENGTH) if (isRouteTarget(buf, k)) count++
  return count
}

/** Position of the first route target at or behind `at`; `end` when there is none. */
export function nextRouteTarget(buf: Uint8Array, at: number, end: number): number {
  let k = at
  while (k < end && !isRouteTarget(buf, k)) k += EXT_COMMUNITY_LENGTH
  return k
}

/** Does the range hold the community whose eight octets stand at `wantedAt` of `wanted`? */
export function hasExtCommunity(
  buf: Uint8Array,
  at: number,
  end: number,
  wanted: Uint8Array,
  wantedAt: number,
): boolean {
  for (let k = at; k < end; k += EXT_COMMUNITY_LENGTH) {
    if (equalBytes(buf, k, wanted, wantedAt, EXT_COMMUNITY_LENGTH)) return true
  }
  return false
}
