/**
 * Cilium's SRv6 eBPF maps: which there are, and their keys and values as hexadecimal octets.
 *
 *   cilium_srv6_vrf_v4/v6      prefixlen(4) source(4|16) destination(4|16)  ->  VRF id(4)
 *   cilium_srv6_policy_v4/v6   prefixlen(4) VRF id(4) destination(4|16)     ->  SID(16)
 *   cilium_srv6_sid            SID(16)                                      ->  VRF id(4)
 *
 * Prefix lengths and ids in host byte order, addresses in network order; the first two kinds are
 * longest-prefix tries, whose prefix length counts the bits before the destination too.
 */
import { hexOf } from '../base/bytes.ts'
import { LITTLE_ENDIAN } from './netlink-writer.ts'

export type CiliumMap =
  | 'cilium_srv6_vrf_v4'
  | 'cilium_srv6_vrf_v6'
  | 'cilium_srv6_policy_v4'
  | 'cilium_srv6_policy_v6'
  | 'cilium_srv6_sid'

export const CILIUM_MAPS: readonly CiliumMap[] = [
  'cilium_srv6_vrf_v4',
  'cilium_srv6_vrf_v6',
  'cilium_srv6_policy_v4',
  'cilium_srv6_policy_v6',
  'cilium_srv6_sid',
]

/** Octets of key and value. */
export const CILIUM_SIZES: Readonly<Record<CiliumMap, { key: number; value: number }>> = {
  cilium_srv6_vrf_v4: { key: 12, value: 4 },
  cilium_srv6_vrf_v6: { key: 36, value: 4 },
  cilium_srv6_policy_v4: { key: 12, value: 16 },
  cilium_srv6_policy_v6: { key: 24, value: 16 },
  cilium_srv6_sid: { key: 16, value: 4 },
}

/** One entry of a map. */
export interface CiliumEntry {
  map: CiliumMap
  key: string
  value: string
}

const VRF_ID_BITS = 32

/** What comes from a prefix, to anywhere, is the VRF's: the source's bits come first in the trie. */
export function sourceEntry(address: Uint8Array, bits: number, vrfId: number): CiliumEntry {
  const isV4 = address.length === 4
  return {
    map: isV4 ? 'cilium_srv6_vrf_v4' : 'cilium_srv6_vrf_v6',
    key: hostU32(bits) + hexOf(address) + '00'.repeat(address.length),
    value: hostU32(vrfId),
  }
}

/** What a VRF sends to a prefix is encapsulated towards the SID. */
export function policyEntry(
  vrfId: number,
  address: Uint8Array,
  bits: number,
  sid: Uint8Array,
): CiliumEntry {
  return {
    map: address.length === 4 ? 'cilium_srv6_policy_v4' : 'cilium_srv6_policy_v6',
    key: hostU32(VRF_ID_BITS + bits) + hostU32(vrfId) + hexOf(address),
    value: hexOf(sid),
  }
}

/** What comes for the SID is decapsulated. */
export function sidEntry(sid: Uint8Array, vrfId: number): CiliumEntry {
  return { map: 'cilium_srv6_sid', key: hexOf(sid), value: hostU32(vrfId) }
}

/** The VRF id that an entry belongs to. */
export function vrfIdOf({ map, key, value }: CiliumEntry): number {
  return readHostU32(map.includes('policy') ? key.slice(8, 16) : value)
}

/** The SID of an entry of `cilium_srv6_sid`. */
export function sidOf({ key }: CiliumEntry): Uint8Array {
  return Uint8Array.from(Buffer.from(key, 'hex'))
}

function hostU32(value: number): string {
  const octets = new Uint8Array(4)
  new DataView(octets.buffer).setUint32(0, value, LITTLE_ENDIAN)
  return hexOf(octets)
}

function readHostU32(hex: string): number {
  const octets = Buffer.from(hex, 'hex')
  return LITTLE_ENDIAN ? octets.readUInt32LE(0) : octets.readUInt32BE(0)
}
