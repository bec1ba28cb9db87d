/**
 * One UPDATE as a plain object, with the octets each part came from: for tests, logs and the CLI.
 * On top of parseUpdate and NlriCursor; nothing of the daemon's update path uses it.
 */
import { hexOf, u16, u32 } from '../base/bytes.ts'
import {
  formatAddress,
  formatCommunity,
  formatExtCommunity,
  formatIpv6ExtCommunity,
  formatLargeCommunity,
} from './address.ts'
import { formatAsPath, writeExpandedAsPath } from './as-path.ts'
import { checkAigp, checkAsPath } from './attr-check.ts'
import {
  type DecodedNlri,
  type DecodedReach,
  type DecodedUnreach,
  decodeNlri,
  decodeReach,
  decodeUnreach,
} from './decode-nlri.ts'
import { type DecodedTlv, decodePrefixSid } from './decode-prefix-sid.ts'
import { type DecodedPmsi, type DecodedTunnel, decodePmsi, decodeTunnels } from './decode-tunnel.ts'
import { checkPrefixSid } from './prefix-sid-check.ts'
import { Attr, AttrFlag, attrName, ErrorCode, Family, familySpec, Outcome } from './registry.ts'
import { parseUpdate } from './update-parser.ts'
import { reasonText } from './update-reason.ts'
import { type UpdateSession, UpdateView } from './update-view.ts'

export type { DecodedEvpn, DecodedNlri, DecodedReach, DecodedUnreach } from './decode-nlri.ts'
export type { DecodedTlv } from './decode-prefix-sid.ts'
export type { DecodedPmsi, DecodedTunnel, DecodedTunnelSubTlv } from './decode-tunnel.ts'

/** RFC 4271 §5.1.7. */
export interface DecodedAggregator {
  as: number
  address: string
}

/** One TLV of AIGP; the metric of type 1 in decimal (64 bits), another's octets as `0x…` (RFC 7311 §3). */
export interface DecodedAigp {
  type: number
  value: string
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
  | DecodedAigp[]
  | DecodedPmsi
  | DecodedTunnel[]

/** What RFC 7606 says of one attribute or of a message; `at` … `end` are the octets it is about. */
export interface DecodedVerdict {
  outcome: OutcomeName
  reason: string
  code: number
  subcode: number
  at: number
  end: number
}

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
  /** Left out where the attribute is accepted. */
  verdict?: DecodedVerdict
}

export interface DecodedUpdate {
  outcome: OutcomeName
  reason: string | null
  /** Attribute the reason is about. */
  reasonAttribute: string | null
  /** The worst verdict, null when the outcome is 'ok'. */
  verdict: DecodedVerdict | null
  endOfRib: string | null
  /** AS_PATH with AS4_PATH merged into it (RFC 6793 §4.2.3); null without a sound one. */
  asPath: string | null
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
export type OutcomeName = (typeof OUTCOME_NAMES)[number]

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
    verdict: outcome === Outcome.OK ? null : verdictOf(view),
    endOfRib: view.endOfRib === 0 ? null : familySpec(view.endOfRib).name,
    asPath: mergedAsPath(view),
    withdrawn: sound ? decodeNlri(view, withdrawnAt, withdrawnEnd, v4, true) : [],
    attributes,
    nlri: sound ? decodeNlri(view, nlriAt, nlriEnd, v4, false) : [],
    rest: restAt < view.attrsEnd ? restOf(buf, restAt, view.attrsEnd) : null,
  }
}

function verdictOf(view: UpdateView): DecodedVerdict {
  return {
    outcome: OUTCOME_NAMES[view.outcome],
    reason: reasonText(view.reason),
    code: view.errorCode,
    subcode: view.errorSubcode,
    at: view.faultAt,
    end: view.faultEnd,
  }
}

/** At most every two-octet AS number grows to four octets. */
function mergedAsPath(view: UpdateView): string | null {
  const row = view.indexOf(Attr.AS_PATH)
  if (row < 0 || view.attrOutcome[row] !== Outcome.OK) return null
  const as4 = view.indexOf(Attr.AS4_PATH)
  const room = 2 * (view.attrEnd(row) - view.attrAt[row]!)
  const out = new Uint8Array(room + (as4 < 0 ? 0 : view.attrEnd(as4) - view.attrAt[as4]!))
  return formatAsPath(out, 0, writeExpandedAsPath(view, out, 0))
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
  if (!listed) return attribute
  if (view.attrDiscard[row] === 1) attribute.ignored = 'discarded'
  if (view.attrOutcome[row] === Outcome.OK) return attribute
  attribute.verdict = {
    outcome: OUTCOME_NAMES[view.attrOutcome[row]!]!,
    reason: reasonText(view.attrReason[row]!),
    code: ErrorCode.UPDATE_MESSAGE,
    subcode: view.attrSubcode[row]!,
    at: view.attrFaultAt[row]!,
    end: view.attrFaultEnd[row]!,
  }
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
      return view.reachAfi === 0 ? null : decodeReach(view, at)
    case Attr.MP_UNREACH_NLRI:
      return decodeUnreach(view, at)
    case Attr.PMSI_TUNNEL:
      return decodePmsi(buf, at, end)
    case Attr.TUNNEL_ENCAPSULATION:
      return decodeTunnels(buf, at, end)
    case Attr.IPV6_EXTENDED_COMMUNITIES:
      return decodeList(buf, at, end, 20, formatIpv6ExtCommunity)
    case Attr.AIGP:
      return decodeAigp(buf, at, end)
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

function decodeAigp(buf: Uint8Array, at: number, end: number): DecodedAigp[] | null {
  if (at === end || checkAigp(buf, at, end) !== 0) return null
  const out: DecodedAigp[] = []
  for (let k = at; k < end; k += u16(buf, k + 1)) {
    const hex = `0x${hexOf(buf, k + 3, k + u16(buf, k + 1))}`
    out.push({ type: buf[k]!, value: buf[k] === 1 ? BigInt(hex).toString() : hex })
  }
  return out
}
