/**
 * HOT: the form of one path attribute and of the message as a whole, RFC 7606. Verdicts go into
 * the view as numbers; nothing throws and nothing is allocated. Called by update-parser.ts.
 */
import { u16 } from '../base/bytes.ts'
import { AsSegment } from './as-path.ts'
import { checkPrefixSid } from './prefix-sid.ts'
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

const FLAGS_CHECKED = AttrFlag.OPTIONAL | AttrFlag.TRANSITIVE

/**
 * Checks flags, length and value of the attribute in `row` of the view; false when it ends the
 * session. The insides of MP_REACH_NLRI and MP_UNREACH_NLRI are the parser's.
 */
export function checkAttribute(view: UpdateView, row: number, session: UpdateSession): boolean {
  const type = view.attrType[row]!
  const expected = EXPECTED_FLAGS[type]!
  const flags = view.attrFlags[row]! & FLAGS_CHECKED
  if (expected === 0xff) {
    if ((flags & AttrFlag.OPTIONAL) !== 0) return true
    const { UNRECOGNIZED_WELL_KNOWN } = UpdateReason
    failAttribute(view, row, Outcome.SESSION_RESET, UNRECOGNIZED_WELL_KNOWN)
    return false
  }
  const unwanted = unwantedReason(type, session)
  if (unwanted !== UpdateReason.NONE) {
    failAttribute(view, row, Outcome.ATTRIBUTE_DISCARD, unwanted)
    return true
  }
  if (flags !== expected) {
    failAttribute(view, row, BAD_FLAGS_OUTCOME[type]! as Outcome, UpdateReason.FLAGS)
    return view.outcome !== Outcome.SESSION_RESET
  }
  const reason = valueReason(view, row, type, session)
  if (reason !== UpdateReason.NONE) {
    failAttribute(view, row, MALFORMED_OUTCOME[type]! as Outcome, reason)
  }
  return true
}

/** Why an attribute is dropped whatever it holds: it does not belong on this session. */
function unwantedReason(type: number, session: UpdateSession): number {
  switch (type) {
    case Attr.LOCAL_PREF: // RFC 7606 §7.5
    case Attr.ORIGINATOR_ID: // RFC 7606 §7.9
    case Attr.CLUSTER_LIST: // RFC 7606 §7.10
    case Attr.AIGP: // RFC 7311 §3.3: AIGP_SESSION is off by default towards another AS
      return session.ebgp ? UpdateReason.NOT_FROM_EBGP : UpdateReason.NONE
    case Attr.AS4_PATH: // RFC 6793 §4.1
    case Attr.AS4_AGGREGATOR:
      return session.asn4 ? UpdateReason.AS4_FROM_NEW_SPEAKER : UpdateReason.NONE
    default:
      return UpdateReason.NONE
  }
}

/** What is wrong with length or value, NONE when nothing is. */
function valueReason(view: UpdateView, row: number, type: number, session: UpdateSession): number {
  const buf = view.buf
  const at = view.attrValueAt[row]!
  const end = view.attrEnd[row]!
  const length = end - at
  switch (type) {
    case Attr.ORIGIN:
      if (length !== 1) return UpdateReason.LENGTH
      return buf[at]! > 2 ? UpdateReason.ORIGIN_VALUE : UpdateReason.NONE
    case Attr.AS_PATH:
      return checkAsPath(buf, at, end, session.asn4 ? 4 : 2, session.ebgp)
    case Attr.NEXT_HOP: // any value: whether it can be used is for policy to say
    case Attr.MULTI_EXIT_DISC:
    case Attr.LOCAL_PREF:
    case Attr.ORIGINATOR_ID:
    case Attr.ONLY_TO_CUSTOMER:
      return length === 4 ? UpdateReason.NONE : UpdateReason.LENGTH
    case Attr.ATOMIC_AGGREGATE:
      return length === 0 ? UpdateReason.NONE : UpdateReason.LENGTH
    case Attr.AGGREGATOR:
      return checkAggregator(buf, at, length, session.asn4 ? 4 : 2)
    case Attr.AS4_AGGREGATOR:
      return checkAggregator(buf, at, length, 4)
    case Attr.AS4_PATH: // confederation segments in it are left out when it is merged
      return length === 0 ? UpdateReason.LENGTH : checkAsPath(buf, at, end, 4, false)
    case Attr.COMMUNITIES:
    case Attr.CLUSTER_LIST:
      return length === 0 || (length & 3) !== 0 ? UpdateReason.LENGTH : UpdateReason.NONE
    case Attr.EXTENDED_COMMUNITIES:
      return length === 0 || (length & 7) !== 0 ? UpdateReason.LENGTH : UpdateReason.NONE
    case Attr.LARGE_COMMUNITY:
      return length === 0 || length % 12 !== 0 ? UpdateReason.LENGTH : UpdateReason.NONE
    case Attr.IPV6_EXTENDED_COMMUNITIES:
      return length === 0 || length % 20 !== 0 ? UpdateReason.LENGTH : UpdateReason.NONE
    case Attr.AIGP:
      return checkAigp(buf, at, end)
    case Attr.PREFIX_SID: {
      const problem = checkPrefixSid(buf, at, end)
      return problem === 0 ? UpdateReason.NONE : UpdateReason.PREFIX_SID + problem
    }
    default:
      return UpdateReason.NONE
  }
}

/** RFC 7606 §7.2: segment types, segment lengths; RFC 7607 §2: AS 0; RFC 5065 §5. */
export function checkAsPath(
  buf: Uint8Array,
  at: number,
  end: number,
  width: 2 | 4,
  ebgp: boolean,
): number {
  let k = at
  while (k < end) {
    if (end - k < 2) return UpdateReason.AS_PATH_SEGMENT_HEADER
    const type = buf[k]!
    const count = buf[k + 1]!
    if (type < AsSegment.SET || type > AsSegment.CONFED_SET) {
      return UpdateReason.AS_PATH_SEGMENT_TYPE
    }
    if (count === 0) return UpdateReason.AS_PATH_SEGMENT_EMPTY
    const segmentEnd = k + 2 + count * width
    if (segmentEnd > end) return UpdateReason.AS_PATH_SEGMENT_LENGTH
    if (ebgp && type >= AsSegment.CONFED_SEQUENCE) return UpdateReason.AS_PATH_CONFEDERATION
    for (k += 2; k < segmentEnd; k += width) {
      if (isZeroAs(buf, k, width)) return UpdateReason.AS_ZERO
    }
  }
  return UpdateReason.NONE
}

function isZeroAs(buf: Uint8Array, at: number, width: 2 | 4): boolean {
  if (u16(buf, at) !== 0) return false
  return width === 2 || u16(buf, at + 2) === 0
}

/** AS(2 or 4) address(4): RFC 7606 §7.7, RFC 7607 §2. */
function checkAggregator(buf: Uint8Array, at: number, length: number, width: 2 | 4): number {
  if (length !== width + 4) return UpdateReason.LENGTH
  return isZeroAs(buf, at, width) ? UpdateReason.AS_ZERO : UpdateReason.NONE
}

const AIGP_TLV = 1
const AIGP_TLV_LENGTH = 11

/** type(1) length(2) value…, the length counting all three: RFC 7311 §3. */
function checkAigp(buf: Uint8Array, at: number, end: number): number {
  if (at === end) return UpdateReason.LENGTH
  let k = at
  while (k < end) {
    if (end - k < 3) return UpdateReason.AIGP_TLV
    const length = u16(buf, k + 1)
    if (length < 3 || k + length > end) return UpdateReason.AIGP_TLV
    if (buf[k] === AIGP_TLV && length !== AIGP_TLV_LENGTH) return UpdateReason.AIGP_TLV
    k += length
  }
  return UpdateReason.NONE
}

/** Records a verdict about the attribute in `row`; one that is discarded is marked as such. */
export function failAttribute(
  view: UpdateView,
  row: number,
  outcome: Outcome,
  reason: number,
): void {
  const type = view.attrType[row]!
  if (outcome === Outcome.ATTRIBUTE_DISCARD) view.attrDiscard[row] = 1
  view.fail(outcome, reason, subcodeOf(reason, type), type, view.attrAt[row]!, view.attrEnd[row]!)
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

/**
 * What only shows when all attributes are known: mandatory ones that are missing (RFC 7606 §3 d),
 * and errors in a message whose NLRI cannot be trusted to have been found (§5.2).
 */
export function checkMessage(view: UpdateView): void {
  const hasClassic = view.attrsEnd < view.end
  if (hasClassic || view.reachAfi !== 0) {
    requireAttribute(view, Attr.ORIGIN)
    requireAttribute(view, Attr.AS_PATH)
    if (hasClassic) requireAttribute(view, Attr.NEXT_HOP)
  }
  if (view.outcome !== Outcome.TREAT_AS_WITHDRAW) return
  const hasReachable =
    hasClassic || view.reachAt < view.reachEnd || (view.reachAfi !== 0 && view.reachFamily === 0)
  const onlyUnreach = view.attrCount === 1 && view.unreachAfi !== 0
  if (hasReachable || onlyUnreach) return
  const { errorSubcode, errorAttr, errorAt, errorEnd } = view
  view.fail(Outcome.SESSION_RESET, UpdateReason.NO_NLRI, errorSubcode, errorAttr, errorAt, errorEnd)
}

function requireAttribute(view: UpdateView, type: number): void {
  if (view.indexOf(type) >= 0) return
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
