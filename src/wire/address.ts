/**
 * Text <-> octets: addresses, prefixes, route distinguishers, route targets, communities. For
 * configuration, logs and show; never on the update path. The one user of ip-address in wire.
 */
import { Address4, Address6 } from 'ip-address'
import { hexOf, putU16, putU32, u16, u24, u32 } from '../base/bytes.ts'
import { Family, familySpec } from './registry.ts'

/** Octets of an address to text: IPv4 dotted, IPv6 in the form of RFC 5952. */
export function formatAddress(buf: Uint8Array, at: number, bytes: 4 | 16): string {
  if (bytes === 4) return `${buf[at]}.${buf[at + 1]}.${buf[at + 2]}.${buf[at + 3]}`
  if (isMapped(buf, at)) return `::ffff:${formatAddress(buf, at + 12, 4)}`
  return Address6.fromByteArray([...buf.subarray(at, at + 16)]).correctForm()
}

/** RFC 4291 §2.5.5.2; RFC 5952 §5 writes these with a dotted tail. */
function isMapped(buf: Uint8Array, at: number): boolean {
  for (let k = 0; k < 10; k++) if (buf[at + k] !== 0) return false
  return buf[at + 10] === 0xff && buf[at + 11] === 0xff
}

/** Text of one address to its 4 or 16 octets; throws on anything else, zones and masks included. */
export function parseAddress(text: string): Uint8Array {
  if (/^[\d.]+$/.test(text) && Address4.isValid(text)) {
    return Uint8Array.from(new Address4(text).toArray())
  }
  if (/^[\da-fA-F:.]+$/.test(text) && text.includes(':') && Address6.isValid(text)) {
    const octets = new Address6(text).toByteArray()
    const out = new Uint8Array(16)
    out.set(octets, 16 - octets.length)
    return out
  }
  throw new TypeError(`${text}: expected an IPv4 or IPv6 address`)
}

/** Address words (network order, as NlriCursor leaves them) and a length to `10.1.0.0/16`. */
export function formatPrefix(
  words: Int32Array,
  at: number,
  addressBytes: 4 | 16,
  bits: number,
): string {
  const octets = new Uint8Array(addressBytes)
  for (let k = 0; k < addressBytes; k += 4) putU32(octets, k, words[at + (k >> 2)]!)
  return `${formatAddress(octets, 0, addressBytes)}/${bits}`
}

/** The key of an NLRI to text: `rd` only for the VPN families. */
export function formatKey(
  family: Family,
  words: Int32Array,
  at: number,
  bits: number,
): { rd?: string; prefix: string } {
  if (family === Family.ROUTE_TARGET) return { prefix: formatRtcKey(words, at, bits) }
  const spec = familySpec(family)
  if (!spec.hasRd) return { prefix: formatPrefix(words, at, spec.addressBytes, bits) }
  const rd = new Uint8Array(8)
  putU32(rd, 0, words[at]!)
  putU32(rd, 4, words[at + 1]!)
  return { rd: formatRd(rd, 0), prefix: formatPrefix(words, at + 2, spec.addressBytes, bits) }
}

/** `65000:rt:65000:10/96`, `65000:0x0002fde8/64`, `default` (RFC 4684 §4). */
function formatRtcKey(words: Int32Array, at: number, bits: number): string {
  if (bits === 0) return 'default'
  const octets = new Uint8Array(12)
  for (let k = 0; k < 12; k += 4) putU32(octets, k, words[at + (k >> 2)]!)
  const target = bits === 96 ? formatExtCommunity(octets, 4) : ''
  const tail = target === '' ? `0x${hexOf(octets, 4, (bits + 7) >> 3)}` : target
  return `${u32(octets, 0)}:${tail}/${bits}`
}

export interface Prefix {
  family: typeof Family.IPV4_UNICAST | typeof Family.IPV6_UNICAST
  /** One word for IPv4, four for IPv6. */
  words: Int32Array
  bits: number
}

/** `10.1.0.0/16`, `2001:db8::/32`, a single address; throws when bits past the length are set. */
export function parsePrefix(text: string): Prefix {
  const slash = text.indexOf('/')
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash))
  const bits = slash < 0 ? address.length * 8 : decimal(text.slice(slash + 1), address.length * 8)
  if (bits < 0) throw new TypeError(`${text}: expected a length of 0 to ${address.length * 8}`)
  const words = new Int32Array(address.length >> 2)
  for (let k = 0; k < words.length; k++) words[k] = u32(address, k * 4)
  const network = words.map((word, k) => maskWord(word, bits - k * 32))
  if (network.some((word, k) => word !== words[k])) {
    const expected = formatPrefix(network, 0, address.length as 4 | 16, bits)
    throw new TypeError(`${text}: bits past the length are set: expected ${expected}`)
  }
  const family = address.length === 4 ? Family.IPV4_UNICAST : Family.IPV6_UNICAST
  return { family, words, bits }
}

function maskWord(word: number, bits: number): number {
  if (bits >= 32) return word
  return bits <= 0 ? 0 : word & (-1 << (32 - bits))
}

/** A decimal number up to `max`, -1 for any other text. */
function decimal(text: string, max: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : -1
  return value <= max ? value : -1
}

/** Administrator and assigned number behind a type field: RFC 4364 §4.2, RFC 4360 §3, RFC 5668. */
interface Administered {
  type: 0 | 1 | 2
  octets: Uint8Array
}

/** `65000:1`, `192.0.2.1:1`, `4200000000:1` to the six octets behind the type; null for others. */
function parseAdministered(text: string): Administered | null {
  const colon = text.lastIndexOf(':')
  if (colon < 0) return null
  const left = text.slice(0, colon)
  const octets = new Uint8Array(6)
  if (left.includes('.')) {
    const number = decimal(text.slice(colon + 1), 0xffff)
    if (number < 0 || !Address4.isValid(left) || left.includes('/')) return null
    octets.set(parseAddress(left))
    putU16(octets, 4, number)
    return { type: 1, octets }
  }
  const as = decimal(left, 0xffffffff)
  const number = decimal(text.slice(colon + 1), as > 0xffff ? 0xffff : 0xffffffff)
  if (as < 0 || number < 0) return null
  if (as > 0xffff) {
    putU32(octets, 0, as)
    putU16(octets, 4, number)
    return { type: 2, octets }
  }
  putU16(octets, 0, as)
  putU32(octets, 2, number)
  return { type: 0, octets }
}

function formatAdministered(type: number, buf: Uint8Array, at: number): string {
  if (type === 1) return `${formatAddress(buf, at, 4)}:${u16(buf, at + 4)}`
  if (type === 2) return `${u32(buf, at)}:${u16(buf, at + 4)}`
  return `${u16(buf, at)}:${u32(buf, at + 2)}`
}

/** Route distinguisher to its eight octets, RFC 4364 §4.2. */
export function parseRd(text: string): Uint8Array {
  const found = parseAdministered(text)
  if (found === null) {
    throw new TypeError(`${text}: expected a route distinguisher, ASN:number or IPv4:number`)
  }
  const out = new Uint8Array(8)
  putU16(out, 0, found.type)
  out.set(found.octets, 2)
  return out
}

/** Eight octets of a route distinguisher to text; hexadecimal for a type RFC 4364 does not have. */
export function formatRd(buf: Uint8Array, at = 0): string {
  const type = u16(buf, at)
  return type <= 2 ? formatAdministered(type, buf, at + 2) : `0x${hexOf(buf, at, at + 8)}`
}

/** Sub-types of the two-octet-AS, IPv4 and four-octet-AS extended communities (RFC 4360 §4, §5). */
const ROUTE_TARGET = 2
const ROUTE_ORIGIN = 3

/** `65000:10` to the eight octets of a route target, RFC 4360 §4. */
export function parseRouteTarget(text: string): Uint8Array {
  const found = parseAdministered(text)
  if (found === null) {
    throw new TypeError(`${text}: expected a route target, ASN:number or IPv4:number`)
  }
  const out = new Uint8Array(8)
  out[0] = found.type
  out[1] = ROUTE_TARGET
  out.set(found.octets, 2)
  return out
}

/** Eight octets of a route target to `65000:10`. */
export function formatRouteTarget(buf: Uint8Array, at = 0): string {
  return formatAdministered(buf[at]! & 0x3f, buf, at + 2)
}

/** Extended communities with a form of their own, by type and sub-type (IANA), the value behind them. */
const EXT_COMMUNITY_TEXTS = new Map<number, (buf: Uint8Array, at: number) => string>([
  [0x030b, (buf, at) => `color:${u32(buf, at + 2)}`], // RFC 9012 §4.3
  [0x030c, (buf, at) => `encapsulation:${u16(buf, at + 4)}`], // RFC 9012 §4.1
  [0x0600, (buf, at) => `mac-mobility:${u32(buf, at + 2)}${buf[at]! & 1 ? ':sticky' : ''}`], // RFC 7432 §7.7
  [0x0601, (buf, at) => `esi-label:${u24(buf, at + 3)}:${buf[at]! & 1 ? 'single' : 'all'}-active`], // RFC 7432 §7.5
  [0x0602, (buf, at) => `es-import:${formatMac(buf, at, 6)}`], // RFC 7432 §7.6
  [0x0603, (buf, at) => `router-mac:${formatMac(buf, at, 6)}`], // RFC 9135 §8.1
])

/** `rt:65000:10`, `soo:65000:10`, `color:100`, `router-mac:…`; hexadecimal for the other extended communities. */
export function formatExtCommunity(buf: Uint8Array, at = 0): string {
  const type = buf[at]!
  const subType = buf[at + 1]!
  const format = EXT_COMMUNITY_TEXTS.get((type << 8) | subType)
  if (format) return format(buf, at + 2)
  if (type <= 2 && subType === ROUTE_TARGET) return `rt:${formatAdministered(type, buf, at + 2)}`
  if (type <= 2 && subType === ROUTE_ORIGIN) return `soo:${formatAdministered(type, buf, at + 2)}`
  return `0x${hexOf(buf, at, at + 8)}`
}

/** Twenty octets to `rt:2001:db8::1:10`, `soo:2001:db8::1:10`, else hexadecimal (RFC 5701 §2). */
export function formatIpv6ExtCommunity(buf: Uint8Array, at = 0): string {
  const subType = buf[at + 1]!
  const known = buf[at] === 0 && (subType === ROUTE_TARGET || subType === ROUTE_ORIGIN)
  if (!known) return `0x${hexOf(buf, at, at + 20)}`
  const name = subType === ROUTE_TARGET ? 'rt' : 'soo'
  return `${name}:${formatAddress(buf, at + 2, 16)}:${u16(buf, at + 18)}`
}

/** `02:00:00:00:00:01`: a MAC address of six octets, or an Ethernet segment identifier of ten. */
export function formatMac(buf: Uint8Array, at: number, octets: 6 | 10): string {
  return hexOf(buf, at, at + octets).replace(/..(?!$)/g, '$&:')
}

/** IANA well-known communities (RFC 1997, RFC 3765, RFC 7999, RFC 8326, RFC 9494). */
const COMMUNITY_NAMES = new Map([
  [0xffff0000, 'graceful-shutdown'],
  [0xffff0001, 'accept-own'],
  [0xffff0006, 'llgr-stale'],
  [0xffff0007, 'no-llgr'],
  [0xffff029a, 'blackhole'],
  [0xffffff01, 'no-export'],
  [0xffffff02, 'no-advertise'],
  [0xffffff03, 'no-export-subconfed'],
  [0xffffff04, 'no-peer'],
])

/** Four octets to `65000:100` or a well-known name, RFC 1997. */
export function formatCommunity(buf: Uint8Array, at = 0): string {
  return COMMUNITY_NAMES.get(u32(buf, at)) ?? `${u16(buf, at)}:${u16(buf, at + 2)}`
}

/** Twelve octets to `65000:1:100`, RFC 8092 §5. */
export function formatLargeCommunity(buf: Uint8Array, at = 0): string {
  return `${u32(buf, at)}:${u32(buf, at + 4)}:${u32(buf, at + 8)}`
}
