/**
 * One UPDATE as a plain object, with the octets each part came from: for tests, logs and the CLI.
 * On top of parseUpdate and NlriCursor; nothing of the daemon's update path uses it.
 */
import { hexOf, u16, u24, u32 } from '../base/bytes.ts'
import {
  formatAddress,
  formatCommunity,
  formatExtCommunity,
  formatKey,
  formatLargeCommunity,
  formatRd,
} from './address.ts'
import { formatAsPath } from './as-path.ts'
import { checkAsPath } from './attr-check.ts'
import { type DecodedTlv, decodePrefixSid } from './decode-prefix-sid.ts'
import { NlriCursor } from './nlri-cursor.ts'
import { checkPrefixSid } from './prefix-sid.ts'
import { Attr, AttrFlag, attrName, Family, familyName, familySpec, Outcome } from './registry.ts'
import { parseUpdate } from './update-parser.ts'
import { reasonText } from './update-reason.ts'
import { type UpdateSession, UpdateView } from './update-view.ts'

/** One prefix and the octets it was read from. */
export interface DecodedNlri {
  at: number
  end: number
  rd?: string
  prefix: string
  /** The three octets of the label field, of a withdrawn route too. */
  label?: number
  pathId?: number
}

/** RFC 4760 §3. */
export interface DecodedReach {
  family: string
  nextHops: string[]
  /** Route distinguisher before each next hop, for the VPN families. */
  nextHopRds?: string[]
  reserved: number
  nlri: DecodedNlri[]
}

/** RFC 4760 §4. */
export interface DecodedUnreach {
  family: string
  withdrawn: DecodedNlri[]
}

/** RFC 4271 §5.1.7. */
export interface DecodedAggregator {
  as: number
  address: string
}

/** A value by attribute; where it is malformed or not known, the octets as `0x…`. */
export type DecodedValue =
  | null
  | string
  | number
  | string[]
  | DecodedAggregator
  | DecodedReach
  | DecodedUnreach
  | DecodedTlv[]

export interface DecodedAttribute {
  at: number
  valueAt: number
  end: number
  flags: number
  type: number
  name: string
  value: DecodedValue
  /** 'discarded': attribute discard; 'duplicate': of a type that came before (RFC 7606 §3 g). */
  ignored?: 'discarded' | 'duplicate'
}

export interface DecodedUpdate {
  outcome: 'ok' | 'attribute-discard' | 'treat-as-withdraw' | 'afi-safi-disable' | 'session-reset'
  reason: string | null
  /** Attribute the reason is about. */
  reasonAttribute: string | null
  endOfRib: string | null
  withdrawn: DecodedNlri[]
  attributes: DecodedAttribute[]
  nlri: DecodedNlri[]
  /** What is left behind the last part that could be told apart; empty in a sound message. */
  rest: { at: number; end: number; hex: string } | null
}

const OUTCOME_NAMES = [
  'ok',
  'attribute-discard',
  'treat-as-withdraw',
  'afi-safi-disable',
  'session-reset',
] as const

/** Decodes the body of an UPDATE (RFC 4271 §4.3) as a session that negotiated `session` reads it. */
export function decodeUpdate(
  buf: Uint8Array,
  at: number,
  end: number,
  session: UpdateSession,
): DecodedUpdate {
  const view = new UpdateView()
  const outcome = parseUpdate(view, buf, at, end, session)
  const { attributes, restAt } = decodeAttributes(view)
  const sound = outcome !== Outcome.SESSION_RESET
  const { withdrawnAt, withdrawnEnd, nlriAt, nlriEnd } = view
  const v4 = Family.IPV4_UNICAST
  return {
    outcome: OUTCOME_NAMES[outcome],
    reason: outcome === Outcome.OK ? null : reasonText(view.reason),
    reasonAttribute: view.errorAttr === 0 ? null : attrName(view.errorAttr),
    endOfRib: view.endOfRib === 0 ? null : familySpec(view.endOfRib).name,
    withdrawn: sound ? decodeNlri(view, withdrawnAt, withdrawnEnd, v4, true) : [],
    attributes,
    nlri: sound ? decodeNlri(view, nlriAt, nlriEnd, v4, false) : [],
    rest: restAt < view.attrsEnd ? restOf(buf, restAt, view.attrsEnd) : null,
  }
}

function restOf(
  buf: Uint8Array,
  at: number,
  end: number,
): { at: number; end: number; hex: string } {
  return { at, end, hex: hexOf(buf, at, end) }
}

/** All attributes that can be told apart, those too that the parser left out of its columns. */
function decodeAttributes(view: UpdateView): { attributes: DecodedAttribute[]; restAt: number } {
  const { buf, attrsEnd } = view
  const attributes: DecodedAttribute[] = []
  let at = view.attrsAt
  while (attrsEnd - at >= 3) {
    const flags = buf[at]!
    const extended = (flags & AttrFlag.EXTENDED_LENGTH) !== 0
    if (extended && attrsEnd - at < 4) break
    const valueAt = at + (extended ? 4 : 3)
    const end = valueAt + (extended ? u16(buf, at + 2) : buf[at + 2]!)
    if (end > attrsEnd) break
    attributes.push(decodeAttribute(view, flags, buf[at + 1]!, at, valueAt, end))
    at = end
  }
  return { attributes, restAt: at }
}

function decodeAttribute(
  view: UpdateView,
  flags: number,
  type: number,
  at: number,
  valueAt: number,
  end: number,
): DecodedAttribute {
  const row = view.indexOf(type)
  const listed = row >= 0 && view.attrAt[row] === at
  const name = attrName(type)
  const value = decodeValue(view, type, valueAt, end) ?? rawValue(view.buf, valueAt, end)
  const attribute: DecodedAttribute = { at, valueAt, end, flags, type, name, value }
  if (row >= 0 && !listed) attribute.ignored = 'duplicate'
  if (listed && view.attrDiscard[row] === 1) attribute.ignored = 'discarded'
  return attribute
}

function rawValue(buf: Uint8Array, at: number, end: number): string | null {
  return at === end ? null : `0x${hexOf(buf, at, end)}`
}

const ORIGINS = ['igp', 'egp', 'incomplete']

/** The value of an attribute whose form is right, null for any other. */
function decodeValue(view: UpdateView, type: number, at: number, end: number): DecodedValue {
  const { buf } = view
  const length = end - at
  switch (type) {
    case Attr.ORIGIN:
      return length === 1 ? (ORIGINS[buf[at]!] ?? null) : null
    case Attr.AS_PATH:
      return decodeAsPath(buf, at, end, view.asn4 ? 4 : 2)
    case Attr.AS4_PATH:
      return decodeAsPath(buf, at, end, 4)
    case Attr.NEXT_HOP:
    case Attr.ORIGINATOR_ID:
      return length === 4 ? formatAddress(buf, at, 4) : null
    case Attr.MULTI_EXIT_DISC:
    case Attr.LOCAL_PREF:
    case Attr.ONLY_TO_CUSTOMER:
      return length === 4 ? u32(buf, at) : null
    case Attr.AGGREGATOR:
      return decodeAggregator(buf, at, length, view.asn4 ? 4 : 2)
    case Attr.AS4_AGGREGATOR:
      return decodeAggregator(buf, at, length, 4)
    case Attr.COMMUNITIES:
      return decodeList(buf, at, end, 4, formatCommunity)
    case Attr.CLUSTER_LIST:
      return decodeList(buf, at, end, 4, (from, k) => formatAddress(from, k, 4))
    case Attr.EXTENDED_COMMUNITIES:
      return decodeList(buf, at, end, 8, formatExtCommunity)
    case Attr.LARGE_COMMUNITY:
      return decodeList(buf, at, end, 12, formatLargeCommunity)
    case Attr.MP_REACH_NLRI:
      return decodeReach(view, at)
    case Attr.MP_UNREACH_NLRI:
      return decodeUnreach(view, at)
    case Attr.PREFIX_SID:
      return checkPrefixSid(buf, at, end) === 0 ? decodePrefixSid(buf, at, end) : null
    default:
      return null
  }
}

function decodeAsPath(buf: Uint8Array, at: number, end: number, width: 2 | 4): string | null {
  if (checkAsPath(buf, at, end, width, false) !== 0) return null
  if (width === 4) return formatAsPath(buf, at, end)
  const wide: number[] = []
  for (let k = at; k < end; ) {
    const segmentEnd = k + 2 + buf[k + 1]! * 2
    wide.push(buf[k]!, buf[k + 1]!)
    for (k += 2; k < segmentEnd; k += 2) wide.push(0, 0, buf[k]!, buf[k + 1]!)
  }
  return formatAsPath(Uint8Array.from(wide), 0, wide.length)
}

function decodeAggregator(
  buf: Uint8Array,
  at: number,
  length: number,
  width: 2 | 4,
): DecodedAggregator | null {
  if (length !== width + 4) return null
  const as = width === 4 ? u32(buf, at) : u16(buf, at)
  return { as, address: formatAddress(buf, at + width, 4) }
}

function decodeList(
  buf: Uint8Array,
  at: number,
  end: number,
  size: number,
  format: (buf: Uint8Array, at: number) => string,
): string[] | null {
  if (at === end || (end - at) % size !== 0) return null
  const out: string[] = []
  for (let k = at; k < end; k += size) out.push(format(buf, k))
  return out
}

function decodeReach(view: UpdateView, at: number): DecodedReach | null {
  const family = view.reachFamily
  if (family === 0 || view.nextHopLen === 0 || view.nextHopAt !== at + 4) return null
  const reserved = view.nextHopAt + view.nextHopLen
  if (reserved + 1 !== view.reachAt) return null
  const { hasRd } = familySpec(family)
  const rdBytes = hasRd ? 8 : 0
  const addressBytes = view.nextHopLen === rdBytes + 4 ? 4 : 16
  const nextHops: string[] = []
  const nextHopRds: string[] = []
  for (let k = view.nextHopAt; k < reserved; k += rdBytes + addressBytes) {
    if (hasRd) nextHopRds.push(formatRd(view.buf, k))
    nextHops.push(formatAddress(view.buf, k + rdBytes, addressBytes))
  }
  return {
    family: familyName(view.reachAfi, view.reachSafi),
    nextHops,
    ...(hasRd ? { nextHopRds } : {}),
    reserved: view.buf[reserved]!,
    nlri: decodeNlri(view, view.reachAt, view.reachEnd, family, false),
  }
}

function decodeUnreach(view: UpdateView, at: number): DecodedUnreach | null {
  const family = view.unreachFamily
  if (family === 0 || view.unreachAt !== at + 3) return null
  return {
    family: familyName(view.unreachAfi, view.unreachSafi),
    withdrawn: decodeNlri(view, view.unreachAt, view.unreachEnd, family, true),
  }
}

function decodeNlri(
  view: UpdateView,
  at: number,
  end: number,
  family: Family,
  withdraw: boolean,
): DecodedNlri[] {
  const out: DecodedNlri[] = []
  const cursor = new NlriCursor()
  const addPath = (view.addPath & (1 << family)) !== 0
  const { hasLabel } = familySpec(family)
  cursor.start(view.buf, at, end, family, addPath, withdraw)
  while (cursor.next()) {
    const key = formatKey(family, cursor.key, 0, cursor.prefixBits)
    const nlri: DecodedNlri = { at: cursor.nlriAt, end: cursor.at, ...key }
    if (hasLabel) nlri.label = u24(view.buf, cursor.nlriAt + (addPath ? 5 : 1))
    if (addPath) nlri.pathId = cursor.pathId
    out.push(nlri)
  }
  return out
}
