/**
 * HOT: the form of one path attribute and of the message as a whole, RFC 7606. Verdicts go into
 * the view as numbers; nothing throws and nothing is allocated. Called by update-parser.ts.
 */
import { i32 } from '../base/bytes.ts'
import { HAS_VALUE_CHECK, offsetOfFault, reasonOfFault } from './attr-check.ts'
import { ITEM_SIZE, MAX_VALUE, MIN_VALUE } from './attribute.ts'
import {
  Attr,
  AttrFlag,
  BAD_FLAGS_OUTCOME,
  EXPECTED_FLAGS,
  MALFORMED_OUTCOME,
  Outcome,
  UpdateError,
} from './registry.ts'
import { UpdateReason } from './update-reason.ts'
import type { UpdateSession, UpdateView } from './update-view.ts'

/** The flags an attribute's specification fixes (RFC 7606 §3 c). */
export const FLAGS_CHECKED = AttrFlag.OPTIONAL | AttrFlag.TRANSITIVE

/** Why attributes are dropped whatever they hold: they do not belong on the session. */
const { NOT_FROM_EBGP, AS4_FROM_NEW } = UpdateReason

/** What no attribute's flags are: sends it to checkFlags. */
const NEVER = 0xff

/** How parseUpdate looks at an attribute. */
export const AttrRule = {
  /** Nothing but its length is given. */
  FIXED: 0,
  /** One or more items of a power of two octets. */
  ITEMS: 1,
  ORIGIN: 2,
  AS_PATH: 3,
  MP_REACH: 4,
  MP_UNREACH: 5,
  PREFIX_SID: 6,
  NEXT_HOP: 9,
  /** By checkValue. */
  VALUE: 7,
  /** By checkFlags. */
  UNWANTED: 8,
} as const

function howOf(type: number, kind: number): number {
  switch (type) {
    case Attr.ORIGIN:
      return AttrRule.ORIGIN
    case Attr.AS_PATH:
      return (kind & 2) !== 0 ? AttrRule.AS_PATH : AttrRule.VALUE
    case Attr.MP_REACH_NLRI:
      return AttrRule.MP_REACH
    case Attr.MP_UNREACH_NLRI:
      return AttrRule.MP_UNREACH
    case Attr.PREFIX_SID:
      return AttrRule.PREFIX_SID
    case Attr.NEXT_HOP:
      return AttrRule.NEXT_HOP
  }
  if (HAS_VALUE_CHECK[type] !== 0) return AttrRule.VALUE
  const min = MIN_VALUE[type]!
  if (min === MAX_VALUE[type]) return AttrRule.FIXED | (min << 8)
  const item = ITEM_SIZE[type]!
  if (item === min && (item === 4 || item === 8)) return AttrRule.ITEMS | ((item - 1) << 8)
  return AttrRule.VALUE
}

/** By session kind and type: flags(8) 0(8) what the check needs(8) check(8). */
export const ATTR_RULES = new Int32Array(4 * 256)
for (let kind = 0; kind < 4; kind++) {
  for (let type = 0; type < 256; type++) {
    const unwanted = unwantedReason(type, kind) !== 0 || EXPECTED_FLAGS[type] === NEVER
    const how = unwanted ? AttrRule.UNWANTED : howOf(type, kind)
    ATTR_RULES[kind * 256 + type] = (EXPECTED_FLAGS[type]! << 24) | how
  }
}

function kindOf(session: UpdateSession): number {
  return (session.ebgp ? 1 : 0) | (session.asn4 ? 2 : 0)
}

function unwantedReason(type: number, kind: number): number {
  switch (type) {
    case Attr.LOCAL_PREF: // RFC 7606 §7.5
    case Attr.ORIGINATOR_ID: // RFC 7606 §7.9
    case Attr.CLUSTER_LIST: // RFC 7606 §7.10
    case Attr.AIGP: // RFC 7311 §3.3: AIGP_SESSION is off by default towards another AS
      return (kind & 1) !== 0 ? NOT_FROM_EBGP : UpdateReason.NONE
    case Attr.AS4_PATH: // RFC 6793 §4.1
    case Attr.AS4_AGGREGATOR:
      return (kind & 2) !== 0 ? AS4_FROM_NEW : UpdateReason.NONE
    default:
      return UpdateReason.NONE
  }
}

/**
 * The verdict on an attribute whose flags are not the wanted ones: it is not known, does not belong
 * here, or is malformed (RFC 7606 §3 c); false when it ends the session.
 */
export function checkFlags(view: UpdateView, row: number, session: UpdateSession): boolean {
  const type = view.attrType(row)
  const at = view.attrAt[row]!
  const unwanted = unwantedReason(type, kindOf(session))
  if (unwanted !== UpdateReason.NONE) {
    failAttribute(view, row, Outcome.ATTRIBUTE_DISCARD, unwanted)
  } else if (EXPECTED_FLAGS[type] !== NEVER) {
    failAttribute(
      view,
      row,
      badFlagsOutcome(type, view.attrFlags(row)),
      UpdateReason.FLAGS,
      at,
      at + 1,
    )
  } else if ((view.attrFlags(row) & AttrFlag.OPTIONAL) === 0) {
    const reason = UpdateReason.UNRECOGNIZED_WELL_KNOWN
    failAttribute(view, row, Outcome.SESSION_RESET, reason, at, at + 2)
  }
  return view.outcome !== Outcome.SESSION_RESET
}

/**
 * An attribute's own handling of wrong flags is that of the Transitive bit (RFC 7311 §3.2); what is
 * not even optional is treated as withdraw, or worse, as any other.
 */
function badFlagsOutcome(type: number, flags: number): Outcome {
  const outcome = BAD_FLAGS_OUTCOME[type]! as Outcome
  const isOptionalWrong = ((flags ^ EXPECTED_FLAGS[type]!) & AttrFlag.OPTIONAL) !== 0
  const { TREAT_AS_WITHDRAW } = Outcome
  return isOptionalWrong && outcome < TREAT_AS_WITHDRAW ? TREAT_AS_WITHDRAW : outcome
}

/** The verdict on a length that is not as specified. */
export function failLength(view: UpdateView, row: number): void {
  failValue(view, row, UpdateReason.LENGTH)
}

/** The verdict on a value: `fault` is what checkValue gave. */
export function failValue(
  view: UpdateView,
  row: number,
  fault: number,
  outcome: Outcome = MALFORMED_OUTCOME[view.attrType(row)]! as Outcome,
): void {
  const reason = reasonOfFault(fault)
  const at = reason === UpdateReason.LENGTH ? view.attrAt[row]! + 2 : view.attrValueAt(row)
  const faultAt = at + offsetOfFault(fault)
  failAttribute(view, row, outcome, reason, faultAt, faultEnd(view, row, reason, faultAt))
}

/** Where what is wrong ends: its last octet where it has a size of its own, else that of the attribute. */
function faultEnd(view: UpdateView, row: number, reason: number, at: number): number {
  switch (reason) {
    case UpdateReason.LENGTH:
      return view.attrValueAt(row)
    case UpdateReason.ORIGIN_VALUE:
    case UpdateReason.AS_PATH_SEGMENT_TYPE:
    case UpdateReason.AS_PATH_SEGMENT_EMPTY:
    case UpdateReason.AS_PATH_SEGMENT_LENGTH:
    case UpdateReason.AS_PATH_CONFEDERATION:
      return at + 1
    case UpdateReason.AS_ZERO: {
      const type = view.attrType(row)
      const isAs4 = type === Attr.AS4_PATH || type === Attr.AS4_AGGREGATOR
      return at + (isAs4 || view.asn4 ? 4 : 2)
    }
    default:
      return view.attrEnd(row)
  }
}

/**
 * Records a verdict about the attribute in `row`, for which `faultAt` … `faultEnd` is the reason;
 * one that is discarded is marked as such.
 */
export function failAttribute(
  view: UpdateView,
  row: number,
  outcome: Outcome,
  reason: number,
  faultAt: number = view.attrAt[row]!,
  faultEnd: number = view.attrEnd(row),
): void {
  const type = view.attrType(row)
  const subcode = subcodeOf(reason, type)
  if (outcome === Outcome.ATTRIBUTE_DISCARD) view.attrDiscard[row] = 1
  view.attrOutcome[row] = outcome
  view.attrReason[row] = reason
  view.attrSubcode[row] = subcode
  view.attrFaultAt[row] = faultAt
  view.attrFaultEnd[row] = faultEnd
  view.faults++
  const isWorst = outcome > view.outcome
  view.fail(outcome, reason, subcode, type, view.attrAt[row]!, view.attrEnd(row))
  if (!isWorst) return
  view.faultAt = faultAt
  view.faultEnd = faultEnd
}

/** The UPDATE Message Error subcode a reason goes with (RFC 4271 §6.3, RFC 4760 §7). */
function subcodeOf(reason: number, type: number): number {
  switch (reason) {
    case UpdateReason.UNRECOGNIZED_WELL_KNOWN:
      return UpdateError.UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE
    case UpdateReason.DUPLICATE:
      return UpdateError.MALFORMED_ATTRIBUTE_LIST
    case UpdateReason.FLAGS:
      return UpdateError.ATTRIBUTE_FLAGS_ERROR
    case UpdateReason.NEXT_HOP_ADDRESS:
      return UpdateError.INVALID_NEXT_HOP_ATTRIBUTE
    case UpdateReason.ORIGIN_VALUE:
      return UpdateError.INVALID_ORIGIN_ATTRIBUTE
    case UpdateReason.LENGTH:
    case UpdateReason.ATTRIBUTE_LENGTH:
      return UpdateError.ATTRIBUTE_LENGTH_ERROR
    default:
      return type === Attr.AS_PATH
        ? UpdateError.MALFORMED_AS_PATH
        : UpdateError.OPTIONAL_ATTRIBUTE_ERROR
  }
}

/** Mandatory attributes that are missing (RFC 7606 §3 d). */
export function requireMandatory(view: UpdateView, hasClassic: boolean): void {
  if (view.indexOf(ORIGIN) < 0) requireAttribute(view, Attr.ORIGIN)
  if (view.indexOf(AS_PATH) < 0) requireAttribute(view, Attr.AS_PATH)
  if (hasClassic && view.indexOf(NEXT_HOP) < 0) requireAttribute(view, Attr.NEXT_HOP)
}

const { ORIGIN, AS_PATH, NEXT_HOP } = Attr

/** Errors in a message whose NLRI cannot be trusted to have been found (RFC 7606 §5.2). */
export function checkNlriFound(view: UpdateView): void {
  const hasClassic = view.attrsEnd < view.end
  const hasReachable =
    hasClassic || view.reachAt < view.reachEnd || (view.reachEnd !== 0 && view.reachFamily === 0)
  const onlyUnreach = view.attrCount === 1 && view.unreachEnd !== 0
  if (hasReachable || onlyUnreach) return
  const { errorSubcode, errorAttr, errorAt, errorEnd, faultAt, faultEnd } = view
  view.fail(Outcome.SESSION_RESET, UpdateReason.NO_NLRI, errorSubcode, errorAttr, errorAt, errorEnd)
  view.faultAt = faultAt
  view.faultEnd = faultEnd
}

/** The three highest bits of 224.0.0.0/3: multicast and class E. */
export const HIGH = 0xe0
const CLASS_E = 0xf0
const BROADCAST = -1

/**
 * NEXT_HOP must be an address a host may have (RFC 4271 §6.3, RFC 7606 §3 e). 0.0.0.0 and 127/8 are
 * left to whoever resolves next hops: speakers on the same machine send them.
 */
export function checkNextHop(view: UpdateView): void {
  const row = view.indexOf(Attr.NEXT_HOP)
  if (row < 0) return
  const at = view.attrValueAt(row)
  const first = view.buf[at]!
  if ((first & HIGH) !== HIGH || view.attrOutcome[row] !== Outcome.OK) return
  if (first >= CLASS_E && i32(view.buf, at) !== BROADCAST) return
  failValue(view, row, UpdateReason.NEXT_HOP_ADDRESS)
}

function requireAttribute(view: UpdateView, type: number): void {
  const { MISSING_WELL_KNOWN_ATTRIBUTE } = UpdateError
  const { TREAT_AS_WITHDRAW } = Outcome
  const { attrsAt } = view
  view.fail(
    TREAT_AS_WITHDRAW,
    UpdateReason.MISSING,
    MISSING_WELL_KNOWN_ATTRIBUTE,
    type,
    attrsAt,
    attrsAt,
  )
}
