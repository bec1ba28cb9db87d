/**
 * HOT: the form of one path attribute and of the message as a whole, RFC 7606. Verdicts go into
 * the view as numbers; nothing throws and nothing is allocated. Called by update-parser.ts.
 */
import { i32, u16 } from '../base/bytes.ts'
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

/** The flags an attribute's specification fixes (RFC 7606 §3 c). */
export const FLAGS_CHECKED = AttrFlag.OPTIONAL | AttrFlag.TRANSITIVE

/** Why attributes are dropped whatever they hold: they do not belong on the session. */
const { NOT_FROM_EBGP, AS4_FROM_NEW } = UpdateReason

/** What no attribute's flags are: sends it to checkFlags. */
const NEVER = 0xff

/** By session kind and type, the flags with which an attribute is wanted. */
const WANTED_FLAGS: readonly Uint8Array[] = [0, 1, 2, 3].map((kind) => {
  const flags = Uint8Array.from(EXPECTED_FLAGS)
  for (let type = 0; type < 256; type++) if (unwantedReason(type, kind) !== 0) flags[type] = NEVER
  return flags
})

/** The expected flags by type on a session: 0xff for an attribute without a row, or unwanted there. */
export function wantedFlags(session: UpdateSession): Uint8Array {
  return WANTED_FLAGS[kindOf(session)]!
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
  const type = view.attrType[row]!
  const unwanted = unwantedReason(type, kindOf(session))
  if (unwanted !== UpdateReason.NONE) {
    failAttribute(view, row, Outcome.ATTRIBUTE_DISCARD, unwanted)
  } else if (EXPECTED_FLAGS[type] !== NEVER) {
    failAttribute(view, row, BAD_FLAGS_OUTCOME[type]! as Outcome, UpdateReason.FLAGS)
  } else if ((view.attrFlags[row]! & AttrFlag.OPTIONAL) === 0) {
    failAttribute(view, row, Outcome.SESSION_RESET, UpdateReason.UNRECOGNIZED_WELL_KNOWN)
  }
  return view.outcome !== Outcome.SESSION_RESET
}

/** The verdict on a length or value that is not as specified. */
export function failValue(view: UpdateView, row: number, reason: number): void {
  failAttribute(view, row, MALFORMED_OUTCOME[view.attrType[row]!]! as Outcome, reason)
}

/** What is wrong with a value, NONE when nothing is; its length has been checked. */
type ValueCheck = (buf: Uint8Array, at: number, end: number, session: UpdateSession) => number

/**
 * By type: the check of the attributes whose value can be wrong though its length is right, null
 * for the others. NEXT_HOP may be any address: whether it can be used is for policy to say.
 */
export const VALUE_CHECKS: readonly (ValueCheck | null)[] = (() => {
  const checks = new Array<ValueCheck | null>(256).fill(null)
  checks[Attr.ORIGIN] = (buf, at) => (buf[at]! > 2 ? UpdateReason.ORIGIN_VALUE : UpdateReason.NONE)
  checks[Attr.AS_PATH] = (buf, at, end, { asn4, ebgp }) =>
    checkAsPath(buf, at, end, asn4 ? 4 : 2, ebgp)
  // confederation segments in it are left out when it is merged
  checks[Attr.AS4_PATH] = (buf, at, end) => checkAsPath(buf, at, end, 4, false)
  checks[Attr.AGGREGATOR] = (buf, at, end, { asn4 }) => checkAggregator(buf, at, end, asn4 ? 4 : 2)
  checks[Attr.AS4_AGGREGATOR] = (buf, at, end) => checkAggregator(buf, at, end, 4)
  checks[Attr.AIGP] = checkAigp
  checks[Attr.PREFIX_SID] = (buf, at, end) => {
    const problem = checkPrefixSid(buf, at, end)
    return problem === 0 ? UpdateReason.NONE : UpdateReason.PREFIX_SID + problem
  }
  return checks
})()

/** RFC 7606 §7.2: segment types, segment lengths; RFC 7607 §2: AS 0; RFC 5065 §5. */
export function checkAsPath(
  buf: Uint8Array,
  at: number,
  end: number,
  width: 2 | 4,
  ebgp: boolean,
): number {
  const { SET, CONFED_SEQUENCE, CONFED_SET } = AsSegment
  let k = at
  while (k < end) {
    if (end - k < 2) return UpdateReason.AS_PATH_SEGMENT_HEADER
    const type = buf[k]!
    if (type < SET || type > CONFED_SET) return UpdateReason.AS_PATH_SEGMENT_TYPE
    const count = buf[k + 1]!
    if (count === 0) return UpdateReason.AS_PATH_SEGMENT_EMPTY
    const segmentEnd = k + 2 + (width === 4 ? count << 2 : count << 1)
    if (segmentEnd > end) return UpdateReason.AS_PATH_SEGMENT_LENGTH
    if (ebgp && type >= CONFED_SEQUENCE) return UpdateReason.AS_PATH_CONFEDERATION
    k += 2
    if (width === 4) {
      for (; k < segmentEnd; k += 4) if (i32(buf, k) === 0) return UpdateReason.AS_ZERO
    } else {
      for (; k < segmentEnd; k += 2) if (u16(buf, k) === 0) return UpdateReason.AS_ZERO
    }
  }
  return UpdateReason.NONE
}

/** AS(2 or 4) address(4): RFC 7606 §7.7, RFC 7607 §2. */
function checkAggregator(buf: Uint8Array, at: number, end: number, width: 2 | 4): number {
  if (end - at !== width + 4) return UpdateReason.LENGTH
  const as = width === 4 ? i32(buf, at) : u16(buf, at)
  return as === 0 ? UpdateReason.AS_ZERO : UpdateReason.NONE
}

const AIGP_TLV = 1
const AIGP_TLV_LENGTH = 11

/** type(1) length(2) value…, the length counting all three: RFC 7311 §3. */
function checkAigp(buf: Uint8Array, at: number, end: number): number {
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
