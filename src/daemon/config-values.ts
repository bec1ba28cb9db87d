/**
 * The leaves of srv6d.yaml: each is a zod schema that takes whatever stood in the file and gives
 * the value the daemon wants, or the one issue `expected …`. config-load.ts puts before it what
 * was found and where.
 */
import * as z from 'zod'
import { formatAddress, parseAddress, parseRd, parseRouteTarget } from '../wire/address.ts'
import { Family } from '../wire/registry.ts'
import type { IpAddress, IpPrefix, Tag } from './config-schema.ts'

const MAX_UNIX_PATH = 107
const TCP_MD5_MAX_KEY = 80
const AS_TRANS = 23456

/** Thrown by a reader whose value is of the right kind and still wrong in a way worth telling. */
class Expected extends Error {}

function leaf<T>(expected: string, read: (found: unknown) => T | undefined) {
  return z.unknown().transform((found, context): T => {
    let message = expected
    try {
      const value = read(found)
      if (value !== undefined) return value
    } catch (error) {
      if (error instanceof Expected) message = error.message
    }
    context.addIssue({ code: 'custom', message: `expected ${message}` })
    return z.NEVER
  })
}

export function stringLeaf<T>(expected: string, read: (found: string) => T | undefined) {
  return leaf(expected, (found) => (typeof found === 'string' ? read(found) : undefined))
}

export function wholeNumber(min: number, max: number) {
  return leaf(`a whole number from ${min} to ${max}`, (found) =>
    isWhole(found) && found >= min && found <= max ? found : undefined,
  )
}

export const boolean = leaf('true or false', (found) =>
  typeof found === 'boolean' ? found : undefined,
)

/** One of a few words. */
export function choice<const Words extends readonly string[]>(...words: Words) {
  return leaf(oneOf(words), (found): Words[number] | undefined =>
    words.find((word) => word === found),
  )
}

export function text(min: number, max: number) {
  return stringLeaf(`${min} to ${max} characters of text`, (found) =>
    found.length >= min && found.length <= max ? found : undefined,
  )
}

/** RFC 6793; AS 0 (RFC 7607) and AS_TRANS belong to nobody. */
export const asNumber = leaf('an AS number from 1 to 4294967295, not 23456', (found) =>
  isWhole(found) && found >= 1 && found <= 0xffffffff && found !== AS_TRANS ? found : undefined,
)

/** Seconds; RFC 4271 §4.2: zero, or at least three. */
export const holdTime = leaf('0 or a whole number from 3 to 65535', (found) =>
  isWhole(found) && (found === 0 || found >= 3) && found <= 65535 ? found : undefined,
)

/** A routing table of the kernel; 253 to 255 are its own default, main and local. */
export const tableId = leaf('a table number from 1 to 2147483647, not 253, 254 or 255', (found) =>
  isWhole(found) && found >= 1 && found <= 0x7fffffff && (found < 253 || found > 255)
    ? found
    : undefined,
)

export const address = stringLeaf('an IPv4 or IPv6 address', readAddress)

/** Where a server listens. */
export const addressAndPort = stringLeaf(
  'an address and a port such as 127.0.0.1:9179 or "[::]:9179"',
  (found) => {
    const [, v6, v4, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(found) ?? []
    const address = readAddress(v6 ?? v4 ?? '')
    const port = Number(digits)
    const fits = address?.family === (v6 === undefined ? 4 : 6) && port >= 1 && port <= 65535
    return fits ? { address, port } : undefined
  },
)

/** The BGP identifier (RFC 6286): any but zero. */
export const ipv4Address = stringLeaf('an IPv4 address other than 0.0.0.0', (found) => {
  const address = readAddress(found)
  return address?.family === 4 && address.bytes.some((octet) => octet !== 0) ? address : undefined
})

/** A neighbour's address. A link-local one would need an interface beside it. */
export const neighborAddress = stringLeaf('a unicast address, not link-local', (found) => {
  const address = readAddress(found)
  return address && isUnicast(address) ? address : undefined
})

export const ipv6Unicast = stringLeaf('a global IPv6 unicast address', (found) => {
  const address = readAddress(found)
  return address?.family === 6 && isUnicast(address) && address.text !== '::1' ? address : undefined
})

export const prefix = stringLeaf('a prefix such as 10.1.0.0/24 or 2001:db8:1::/48', readPrefix)

export const locatorPrefix = stringLeaf('an IPv6 prefix such as fcbb:bb00:1::/48', (found) => {
  const prefix = readPrefix(found)
  return prefix?.family === 6 && prefix.bits >= 1 && prefix.bits < 128 ? prefix : undefined
})

/** RFC 4364 §4.2. */
export const routeDistinguisher = stringLeaf(
  'AS:number or IPv4:number, such as 65000:110',
  (found): Tag => ({ text: found, bytes: parseRd(found) }),
)

/** RFC 4360 §4. */
export const routeTarget = stringLeaf(
  'AS:number or IPv4:number, such as 65000:10',
  (found): Tag => ({ text: found, bytes: parseRouteTarget(found) }),
)

const FAMILY_IDS: Record<string, Family> = {
  'ipv4-unicast': Family.IPV4_UNICAST,
  'ipv6-unicast': Family.IPV6_UNICAST,
  vpnv4: Family.VPNV4,
  vpnv6: Family.VPNV6,
}

/** The name of an address family, one of those that make sense where it stands. */
export function familyName(...names: string[]) {
  return stringLeaf(oneOf(names), (found) =>
    names.includes(found) ? FAMILY_IDS[found] : undefined,
  )
}

/** What the kernel takes as an interface name (dev_valid_name). */
export const deviceName = stringLeaf('an interface name of 1 to 15 characters', (found) =>
  /^[^\s/:]{1,15}$/.test(found) && found !== '.' && found !== '..' ? found : undefined,
)

export const socketPath = stringLeaf(
  `an absolute path of at most ${MAX_UNIX_PATH} octets`,
  (found) =>
    found.startsWith('/') && Buffer.byteLength(found) <= MAX_UNIX_PATH ? found : undefined,
)

export const folder = stringLeaf('an absolute path', (found) =>
  /^\/[^\s]*$/.test(found) ? found.replace(/(.)\/+$/, '$1') : undefined,
)

export const password = stringLeaf(`1 to ${TCP_MD5_MAX_KEY} octets of text`, (found) =>
  found.length > 0 && Buffer.byteLength(found) <= TCP_MD5_MAX_KEY ? found : undefined,
)

const ENTRY_NAME = 'expected a name of 1 to 32 letters, digits, ".", "_" or "-"'

/** The name of a VRF or of a locator; also the key of its entry. */
export const entryName = z
  .string({ error: ENTRY_NAME })
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/, { error: ENTRY_NAME })

function isWhole(found: unknown): found is number {
  return typeof found === 'number' && Number.isInteger(found)
}

function oneOf(words: readonly string[]): string {
  if (words.length === 1) return words[0]!
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

function readAddress(found: string): IpAddress | undefined {
  if (found.includes('/') || found.includes('%')) return undefined
  const bytes = parseAddress(found)
  const size = bytes.length === 4 ? 4 : 16
  return { text: formatAddress(bytes, 0, size), family: size === 4 ? 4 : 6, bytes }
}

function readPrefix(found: string): IpPrefix | undefined {
  const [host, length, ...rest] = found.split('/')
  if (host === undefined || length === undefined || rest.length > 0) return undefined
  const address = readAddress(host)
  if (!address || !/^\d{1,3}$/.test(length)) return undefined
  const bits = Number(length)
  if (bits > address.bytes.length * 8) return undefined
  const network = maskBytes(address.bytes, bits)
  const text = `${formatAddress(network, 0, address.family === 4 ? 4 : 16)}/${bits}`
  if (network.some((octet, at) => octet !== address.bytes[at])) {
    throw new Expected(`${text} (there are bits set behind the prefix length)`)
  }
  return { text, family: address.family, bytes: network, bits }
}

/** A copy with every bit behind the first `bits` cleared. */
export function maskBytes(bytes: Uint8Array, bits: number): Uint8Array {
  return bytes.map((octet, at) => {
    const keep = Math.min(8, Math.max(0, bits - at * 8))
    return octet & (0xff00 >> keep) & 0xff
  })
}

/** Neither all zeros, multicast (224.0.0.0/3, ff00::/8) nor link-local (fe80::/10). */
function isUnicast({ family, bytes }: IpAddress): boolean {
  if (bytes.every((octet) => octet === 0)) return false
  if (family === 4) return bytes[0]! < 224
  return bytes[0] !== 0xff && (bytes[0] !== 0xfe || (bytes[1]! & 0xc0) !== 0x80)
}
