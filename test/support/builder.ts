/**
 * Builds BGP messages for tests, on smart-buffer and node:net alone: nothing of the code under
 * test, no table of it. Numbers are written out; text addresses in, octets out.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { SmartBuffer } from 'smart-buffer'
import { concat } from './hex.ts'

export const OPTIONAL = 0x80
export const TRANSITIVE = 0x40
export const EXTENDED = 0x10

const bytes = (out: SmartBuffer) => new Uint8Array(out.toBuffer())

export const u8 = (...values: number[]) => Uint8Array.from(values)

export function u16be(...values: number[]): Uint8Array {
  const out = new SmartBuffer()
  for (const value of values) out.writeUInt16BE(value)
  return bytes(out)
}

export function u24be(value: number): Uint8Array {
  return u8(value >>> 16, (value >>> 8) & 0xff, value & 0xff)
}

export function u32be(...values: number[]): Uint8Array {
  const out = new SmartBuffer()
  for (const value of values) out.writeUInt32BE(value)
  return bytes(out)
}

/** 4 or 16 octets of a text address. */
export function address(text: string): Uint8Array {
  if (isIPv4(text)) return u8(...text.split('.').map(Number))
  if (!isIPv6(text)) throw new TypeError(`not an address: ${text}`)
  const plain = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...q: string[]) => {
    const [a, b, c, d] = q.map(Number) as [number, number, number, number]
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  })
  const [head, tail] = plain.split('::') as [string, string | undefined]
  const words = (part: string) => (part === '' ? [] : part.split(':').map((w) => parseInt(w, 16)))
  const left = words(head)
  const right = tail === undefined ? [] : words(tail)
  return u16be(...left, ...new Array(8 - left.length - right.length).fill(0), ...right)
}

/** '65000:1', '192.0.2.1:1' or '4200000000:1': the 8 octets of a route distinguisher. */
export function rd(text: string): Uint8Array {
  const cut = text.lastIndexOf(':')
  return concat(...administrator(text.slice(0, cut), Number(text.slice(cut + 1)), (t) => u16be(t)))
}

/** The same text as a route target: an extended community of subtype 2. */
export function routeTarget(text: string): Uint8Array {
  const cut = text.lastIndexOf(':')
  return concat(...administrator(text.slice(0, cut), Number(text.slice(cut + 1)), (t) => u8(t, 2)))
}

function administrator(left: string, number: number, type: (t: number) => Uint8Array) {
  if (isIPv4(left)) return [type(1), address(left), u16be(number)]
  const as = Number(left)
  return as > 0xffff ? [type(2), u32be(as), u16be(number)] : [type(0), u16be(as), u32be(number)]
}

// ── Messages ──────────────────────────────────────────────────────────────────────────────────

export function message(type: number, ...body: Uint8Array[]): Uint8Array {
  const octets = concat(...body)
  return concat(new Uint8Array(16).fill(0xff), u16be(19 + octets.length), u8(type), octets)
}

/** An OPEN with one optional parameter for each capability, as FRR writes it. */
export function open(fields: {
  as: number
  holdTime?: number
  routerId?: string
  version?: number
  capabilities?: Uint8Array[]
}): Uint8Array {
  const parameters = concat(
    ...(fields.capabilities ?? []).map((one) => concat(u8(2, one.length), one)),
  )
  return message(
    1,
    u8(fields.version ?? 4),
    u16be(fields.as, fields.holdTime ?? 90),
    address(fields.routerId ?? '192.0.2.1'),
    u8(parameters.length),
    parameters,
  )
}

export function capability(code: number, ...value: Uint8Array[]): Uint8Array {
  const octets = concat(...value)
  return concat(u8(code, octets.length), octets)
}

export interface UpdateParts {
  withdrawn?: Uint8Array[]
  attrs?: Uint8Array[]
  nlri?: Uint8Array[]
}

export function update({ withdrawn = [], attrs = [], nlri = [] }: UpdateParts = {}): Uint8Array {
  const gone = concat(...withdrawn)
  const path = concat(...attrs)
  return message(2, u16be(gone.length), gone, u16be(path.length), path, ...nlri)
}

// ── Path attributes ───────────────────────────────────────────────────────────────────────────

/** Any attribute; two length octets with the flag given or over 255 octets. */
export function attr(flags: number, type: number, ...value: Uint8Array[]): Uint8Array {
  const octets = concat(...value)
  const extended = (flags & EXTENDED) !== 0 || octets.length > 255
  const head = extended ? concat(u8(flags | EXTENDED, type), u16be(octets.length)) : undefined
  return concat(head ?? u8(flags, type, octets.length), octets)
}

export const origin = (value: number) => attr(TRANSITIVE, 1, u8(value))
export const nextHop = (text: string) => attr(TRANSITIVE, 3, address(text))
export const med = (value: number) => attr(OPTIONAL, 4, u32be(value))
export const localPref = (value: number) => attr(TRANSITIVE, 5, u32be(value))
export const atomicAggregate = () => attr(TRANSITIVE, 6)
export const originatorId = (text: string) => attr(OPTIONAL, 9, address(text))
export const clusterList = (...ids: string[]) => attr(OPTIONAL, 10, ...ids.map(address))

/** Value octets of an AS_PATH: numbers are one AS_SEQUENCE, arrays of [type, …numbers] segments. */
export function asPathValue(path: number[] | number[][], octets: 2 | 4 = 4): Uint8Array {
  if (path.length === 0) return u8()
  const segments = typeof path[0] === 'number' ? [[2, ...(path as number[])]] : (path as number[][])
  const word = octets === 4 ? u32be : u16be
  return concat(...segments.map(([type, ...as]) => concat(u8(type!, as.length), word(...as))))
}

export const asPath = (path: number[] | number[][], octets: 2 | 4 = 4) =>
  attr(TRANSITIVE, 2, asPathValue(path, octets))
export const as4Path = (path: number[] | number[][]) =>
  attr(OPTIONAL | TRANSITIVE, 17, asPathValue(path))
export const aggregator = (as: number, id: string, octets: 2 | 4 = 4) =>
  attr(OPTIONAL | TRANSITIVE, 7, octets === 4 ? u32be(as) : u16be(as), address(id))
export const as4Aggregator = (as: number, id: string) =>
  attr(OPTIONAL | TRANSITIVE, 18, u32be(as), address(id))

/** '65000:10' each. */
export const communities = (...list: string[]) =>
  attr(OPTIONAL | TRANSITIVE, 8, ...list.map((text) => u16be(...text.split(':').map(Number))))
export const largeCommunities = (...list: string[]) =>
  attr(OPTIONAL | TRANSITIVE, 32, ...list.map((text) => u32be(...text.split(':').map(Number))))
export const extCommunities = (...list: Uint8Array[]) => attr(OPTIONAL | TRANSITIVE, 16, ...list)
export const routeTargets = (...list: string[]) => extCommunities(...list.map(routeTarget))

/** AFI, SAFI, next hop octets as they stand on the wire, NLRI. */
export function mpReach(afi: number, safi: number, hop: Uint8Array, ...nlri: Uint8Array[]) {
  return attr(OPTIONAL, 14, u16be(afi), u8(safi, hop.length), hop, u8(0), ...nlri)
}

export function mpUnreach(afi: number, safi: number, ...nlri: Uint8Array[]): Uint8Array {
  return attr(OPTIONAL, 15, u16be(afi), u8(safi), ...nlri)
}

/** RD of zeros before every address: the next hop of a VPN family. */
export const vpnNextHop = (...list: string[]) =>
  concat(...list.map((text) => concat(new Uint8Array(8), address(text))))

// ── NLRI ──────────────────────────────────────────────────────────────────────────────────────

/** '10.0.0.0/24' as length and octets; bits after the prefix as they are in the text. */
export function prefix(text: string, pathId?: number): Uint8Array {
  const [net, bits] = split(text)
  return concat(pathIdOf(pathId), u8(bits), net)
}

/** label is the whole 24-bit field. */
export function vpnPrefix(of: {
  rd: string
  label: number
  prefix: string
  pathId?: number
}): Uint8Array {
  const [net, bits] = split(of.prefix)
  return concat(pathIdOf(of.pathId), u8(bits + 88), u24be(of.label), rd(of.rd), net)
}

function split(text: string): [net: Uint8Array, bits: number] {
  const [net, bits] = text.split('/') as [string, string]
  return [address(net).subarray(0, Math.ceil(Number(bits) / 8)), Number(bits)]
}

const pathIdOf = (pathId: number | undefined) => (pathId === undefined ? u8() : u32be(pathId))

// ── Prefix-SID (RFC 9252) ─────────────────────────────────────────────────────────────────────

/** type(1) length(2) value: the form of TLV, sub-TLV and sub-sub-TLV alike. */
export function tlv(type: number, ...value: Uint8Array[]): Uint8Array {
  const octets = concat(...value)
  return concat(u8(type), u16be(octets.length), octets)
}

export const l3Service = (...subs: Uint8Array[]) => tlv(5, u8(0), ...subs)
export const l2Service = (...subs: Uint8Array[]) => tlv(6, u8(0), ...subs)

export function sidInformation(
  sid: string | Uint8Array,
  behavior: number,
  ...data: Uint8Array[]
): Uint8Array {
  const octets = typeof sid === 'string' ? address(sid) : sid
  return tlv(1, u8(0), octets, u8(0), u16be(behavior), u8(0), ...data)
}

/** Block, node, function, argument, transposition length and offset. */
export const sidStructure = (...bits: number[]) => tlv(1, u8(...bits))

export const prefixSid = (...tlvs: Uint8Array[]) => attr(OPTIONAL | TRANSITIVE, 40, ...tlvs)
