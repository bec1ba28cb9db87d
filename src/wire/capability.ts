/**
 * The capabilities of an OPEN (RFC 5492) as one typed value, and back. session/negotiate.ts
 * intersects two of them. Called once a session.
 */
import { Parser } from 'binary-parser/dist/binary_parser.js'
import { SmartBuffer } from 'smart-buffer'
import { hexOf } from '../base/bytes.ts'
import { BgpError } from './error.ts'
import type { CapabilityTlv } from './open.ts'
import {
  Capability,
  capabilityName,
  ErrorCode,
  FAMILIES,
  type Family,
  familyOf,
  familySpec,
} from './registry.ts'
import {
  decodeGracefulRestart,
  decodeLongLived,
  describeLongLived,
  type GracefulRestart,
  type LongLivedFamily,
  writeGracefulRestart,
  writeLongLived,
} from './restart-capability.ts'

/** A capability list by meaning; what is not ours is listed by number. */
export interface Capabilities {
  families: Family[]
  unknownFamilies: { afi: number; safi: number }[]
  /** RFC 6793 §3: the real AS number of the speaker. */
  as4?: number
  routeRefresh: boolean
  enhancedRouteRefresh: boolean
  extendedMessage: boolean
  /** RFC 8950 §4: families whose next hop may be of another AFI. */
  extendedNextHop: { family: Family; nextHopAfi: number }[]
  gracefulRestart?: GracefulRestart
  /** RFC 9494 §3.1; an empty list: it keeps no routes, but knows what LLGR_STALE means. */
  longLived?: LongLivedFamily[]
  /** RFC 7911 §4, from the sender's side. */
  addPath: { family: Family; send: boolean; receive: boolean }[]
  fqdn?: string
  softwareVersion?: string
  /** Codes without a meaning here, and known ones whose form made them useless (RFC 5492 §3). */
  unknown: number[]
}

const RECEIVE = 1
const SEND = 2

interface FamilyTuple {
  afi: number
  safi: number
}

const bigEndian = () => new Parser().endianness('big')
const multiprotocol = bigEndian().uint16('afi').uint8('reserved').uint8('safi')
const fourOctetAs = bigEndian().uint32('as')
const nextHopTuple = bigEndian().uint16('afi').uint16('safi').uint16('nextHopAfi')
const nextHopTuples = bigEndian().array('list', { type: nextHopTuple, readUntil: 'eof' })
const pathTuple = bigEndian().uint16('afi').uint8('safi').uint8('mode')
const pathTuples = bigEndian().array('list', { type: pathTuple, readUntil: 'eof' })
const text = new Parser().uint8('len').buffer('text', { length: 'len' })

type Decoder = (value: Buffer, out: Capabilities) => boolean

/** A row a capability: reads the value, false if its form makes it useless. */
const DECODERS = new Map<number, Decoder>([
  [Capability.MULTIPROTOCOL, decodeMultiprotocol],
  [Capability.ROUTE_REFRESH, flag('routeRefresh')],
  [Capability.ENHANCED_ROUTE_REFRESH, flag('enhancedRouteRefresh')],
  [Capability.EXTENDED_MESSAGE, flag('extendedMessage')],
  [Capability.EXTENDED_NEXT_HOP, decodeExtendedNextHop],
  [Capability.FOUR_OCTET_AS, decodeFourOctetAs],
  [
    Capability.GRACEFUL_RESTART,
    (value, out) => keep(out, 'gracefulRestart', decodeGracefulRestart(value)),
  ],
  [Capability.ADD_PATH, decodeAddPath],
  [Capability.LLGR, (value, out) => keep(out, 'longLived', decodeLongLived(value))],
  [Capability.FQDN, decodeFqdn],
  [Capability.SOFTWARE_VERSION, decodeSoftwareVersion],
])

/** Capabilities without which the session would mean something else: their form must be right. */
const ESSENTIAL = new Set<number>([Capability.MULTIPROTOCOL, Capability.FOUR_OCTET_AS])

/** A list that says nothing. */
export function noCapabilities(): Capabilities {
  return {
    families: [],
    unknownFamilies: [],
    routeRefresh: false,
    enhancedRouteRefresh: false,
    extendedMessage: false,
    extendedNextHop: [],
    addPath: [],
    unknown: [],
  }
}

/**
 * Gives a capability list its meaning. A code or family we do not know is listed and ignored
 * (RFC 5492 §3); a malformed MULTIPROTOCOL or FOUR_OCTET_AS throws BgpError 2/0 with its octets.
 */
export function decodeCapabilities(list: CapabilityTlv[]): Capabilities {
  const out = noCapabilities()
  for (const { code, value } of list) {
    const decode = DECODERS.get(code)
    if (decode?.(Buffer.from(value), out)) continue
    if (ESSENTIAL.has(code)) throw malformed(code, value)
    if (!out.unknown.includes(code)) out.unknown.push(code)
  }
  return out
}

function malformed(code: number, value: Uint8Array): BgpError {
  return new BgpError(
    ErrorCode.OPEN_MESSAGE,
    0,
    `capability ${capabilityName(code)} of ${value.length} octets (${hexOf(value)}), expected 4`,
    Uint8Array.of(code, value.length, ...value),
  )
}

/** Length 0; a value there would be news to RFC 2918, 7313 and 8654, but the flag stands. */
function flag(name: 'routeRefresh' | 'enhancedRouteRefresh' | 'extendedMessage'): Decoder {
  return (_value, out) => {
    out[name] = true
    return true
  }
}

/** AFI(2) reserved(1) SAFI(1) (RFC 4760 §8). */
function decodeMultiprotocol(value: Buffer, out: Capabilities): boolean {
  if (value.length !== 4) return false
  const { afi, safi } = multiprotocol.parse(value)
  const family = familyOf(afi, safi)
  if (family === 0) {
    if (!out.unknownFamilies.some((f) => f.afi === afi && f.safi === safi)) {
      out.unknownFamilies.push({ afi, safi })
    }
  } else if (!out.families.includes(family)) {
    out.families.push(family)
  }
  return true
}

/** AS number(4) (RFC 6793 §3). */
function decodeFourOctetAs(value: Buffer, out: Capabilities): boolean {
  if (value.length !== 4) return false
  out.as4 = fourOctetAs.parse(value).as
  return true
}

/** AFI(2) SAFI(2) next hop AFI(2), repeated (RFC 8950 §4). */
function decodeExtendedNextHop(value: Buffer, out: Capabilities): boolean {
  if (value.length % 6 !== 0) return false
  const { list } = nextHopTuples.parse(value) as { list: (FamilyTuple & { nextHopAfi: number })[] }
  for (const { afi, safi, nextHopAfi } of list) {
    const family = familyOf(afi, safi)
    if (family !== 0) out.extendedNextHop.push({ family, nextHopAfi })
  }
  return true
}

/** A value with an own decoder; the last instance of a capability counts (RFC 4724 §3). */
function keep<K extends 'gracefulRestart' | 'longLived'>(
  out: Capabilities,
  key: K,
  value: Capabilities[K],
): boolean {
  if (value === undefined) return false
  out[key] = value
  return true
}

/** AFI(2) SAFI(1) send/receive(1), repeated; the first of a family counts (RFC 7911 §4). */
function decodeAddPath(value: Buffer, out: Capabilities): boolean {
  if (value.length % 4 !== 0) return false
  const { list } = pathTuples.parse(value) as { list: (FamilyTuple & { mode: number })[] }
  for (const { afi, safi, mode } of list) {
    const family = familyOf(afi, safi)
    if (family === 0 || mode < RECEIVE || mode > (RECEIVE | SEND)) continue
    if (out.addPath.some((p) => p.family === family)) continue
    out.addPath.push({ family, send: (mode & SEND) !== 0, receive: (mode & RECEIVE) !== 0 })
  }
  return true
}

/** length(1) host name, length(1) domain name: 'host' or 'host.domain'. */
function decodeFqdn(value: Buffer, out: Capabilities): boolean {
  const host = decodeText(value)
  if (host === undefined) return false
  const domain = decodeText(value.subarray(1 + value[0]!)) ?? ''
  out.fqdn = domain === '' ? host : `${host}.${domain}`
  return true
}

/** length(1) UTF-8. */
function decodeSoftwareVersion(value: Buffer, out: Capabilities): boolean {
  const version = decodeText(value)
  if (version === undefined) return false
  out.softwareVersion = version
  return true
}

function decodeText(value: Buffer): string | undefined {
  if (value.length === 0) return undefined
  const parsed = text.parse(value)
  if (parsed.text.length !== parsed.len) return undefined
  return new TextDecoder().decode(parsed.text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')
}

/** The capabilities to offer, as octets; unknown ones and unknown families are not repeated. */
export function encodeCapabilities(c: Partial<Capabilities>): CapabilityTlv[] {
  const list: CapabilityTlv[] = []
  const put = (code: number, write: (out: SmartBuffer) => void) => {
    const out = new SmartBuffer()
    write(out)
    list.push({ code, value: new Uint8Array(out.toBuffer()) })
  }
  for (const family of c.families ?? []) {
    put(Capability.MULTIPROTOCOL, (out) => {
      out.writeUInt16BE(familySpec(family).afi).writeUInt8(0).writeUInt8(familySpec(family).safi)
    })
  }
  if (c.extendedNextHop?.length) {
    put(Capability.EXTENDED_NEXT_HOP, (out) => writeExtendedNextHop(out, c.extendedNextHop!))
  }
  if (c.routeRefresh) put(Capability.ROUTE_REFRESH, () => {})
  if (c.enhancedRouteRefresh) put(Capability.ENHANCED_ROUTE_REFRESH, () => {})
  if (c.as4 !== undefined) put(Capability.FOUR_OCTET_AS, (out) => out.writeUInt32BE(c.as4!))
  if (c.extendedMessage) put(Capability.EXTENDED_MESSAGE, () => {})
  if (c.addPath?.length) put(Capability.ADD_PATH, (out) => writeAddPath(out, c.addPath!))
  const restartOf = c.gracefulRestart
  if (restartOf) put(Capability.GRACEFUL_RESTART, (out) => writeGracefulRestart(out, restartOf))
  const longLived = c.longLived
  if (longLived) put(Capability.LLGR, (out) => writeLongLived(out, longLived))
  if (c.fqdn !== undefined) put(Capability.FQDN, (out) => writeFqdn(out, c.fqdn!))
  if (c.softwareVersion !== undefined) {
    put(Capability.SOFTWARE_VERSION, (out) => writeText(out, c.softwareVersion!))
  }
  return list
}

function writeExtendedNextHop(out: SmartBuffer, list: Capabilities['extendedNextHop']): void {
  for (const { family, nextHopAfi } of list) {
    const { afi, safi } = familySpec(family)
    out.writeUInt16BE(afi).writeUInt16BE(safi).writeUInt16BE(nextHopAfi)
  }
}

function writeAddPath(out: SmartBuffer, list: Capabilities['addPath']): void {
  for (const { family, send, receive } of list) {
    const { afi, safi } = familySpec(family)
    out.writeUInt16BE(afi).writeUInt8(safi)
    out.writeUInt8((send ? SEND : 0) | (receive ? RECEIVE : 0))
  }
}

/** The first label is the host, the rest the domain. */
function writeFqdn(out: SmartBuffer, fqdn: string): void {
  const dot = fqdn.indexOf('.')
  writeText(out, dot < 0 ? fqdn : fqdn.slice(0, dot))
  writeText(out, dot < 0 ? '' : fqdn.slice(dot + 1))
}

/** length(1) UTF-8, cut between characters at 63 octets: two of them fit any capability. */
function writeText(out: SmartBuffer, value: string): void {
  const utf8 = new Uint8Array(63)
  const { written } = new TextEncoder().encodeInto(value, utf8)
  out.writeUInt8(written).writeBuffer(Buffer.from(utf8.subarray(0, written)))
}

/** 'multiprotocol vpnv4', 'graceful-restart 120 s' …: one line a capability, for logs and show. */
export function describeCapabilities(c: Capabilities): string[] {
  const list = FAMILIES.filter((f) => c.families.includes(f.id)).map(
    (f) => `${capabilityName(Capability.MULTIPROTOCOL)} ${f.name}`,
  )
  for (const f of c.unknownFamilies) list.push(`multiprotocol ${f.afi}/${f.safi}`)
  if (c.as4 !== undefined) list.push(`${capabilityName(Capability.FOUR_OCTET_AS)} ${c.as4}`)
  if (c.routeRefresh) list.push(capabilityName(Capability.ROUTE_REFRESH))
  if (c.enhancedRouteRefresh) list.push(capabilityName(Capability.ENHANCED_ROUTE_REFRESH))
  if (c.extendedMessage) list.push(capabilityName(Capability.EXTENDED_MESSAGE))
  for (const n of c.extendedNextHop) {
    list.push(`extended-next-hop ${familySpec(n.family).name} afi ${n.nextHopAfi}`)
  }
  const restartOf = c.gracefulRestart
  if (restartOf) list.push(`graceful-restart ${restartOf.restartTime} s`)
  if (c.longLived) list.push(describeLongLived(capabilityName(Capability.LLGR), c.longLived))
  for (const p of c.addPath) {
    const way = p.send ? (p.receive ? 'both' : 'send') : 'receive'
    list.push(`add-path ${familySpec(p.family).name} ${way}`)
  }
  if (c.fqdn !== undefined) list.push(`fqdn ${c.fqdn}`)
  if (c.softwareVersion !== undefined) list.push(`software-version ${c.softwareVersion}`)
  for (const code of c.unknown) list.push(capabilityName(code))
  return list
}
