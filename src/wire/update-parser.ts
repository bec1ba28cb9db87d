/**
 * HOT: parseUpdate walks one UPDATE once and leaves offsets and a verdict in the session's view.
 * Never throws, allocates nothing, malformed input included. Called by session.ts per message.
 */
import { u16 } from '../base/bytes.ts'
import { checkAsPath, checkValue, HAS_FAMILY_CHECK, HAS_VALUE_CHECK } from './attr-check.ts'
import { ITEM_SIZE, MAX_VALUE, MIN_VALUE } from './attribute.ts'
import { checkFamilyAttrs } from './family-check.ts'
import { negotiated, parseMpReach, parseMpUnreach } from './mp-nlri.ts'
import { nlriFault } from './nlri-check.ts'
import { Attr, AttrFlag, Family, Outcome, UpdateError } from './registry.ts'
import {
  checkFlags,
  checkMessage,
  FLAGS_CHECKED,
  failLength,
  failValue,
  wantedFlags,
} from './update-check.ts'
import { UpdateReason } from './update-reason.ts'
import type { UpdateSession, UpdateView } from './update-view.ts'

const { EXTENDED_LENGTH } = AttrFlag
const { AS_PATH, MP_REACH_NLRI, MP_UNREACH_NLRI } = Attr

/**
 * Parses and checks the body of an UPDATE at `at` … `end` (RFC 4271 §4.3, RFC 4760, RFC 7606).
 * Unless the outcome is SESSION_RESET the ranges of the view hold whole NLRI: cursors cannot fail;
 * AFI_SAFI_DISABLE leaves the range of the broken field empty.
 */
export function parseUpdate(
  view: UpdateView,
  buf: Uint8Array,
  at: number,
  end: number,
  session: UpdateSession,
): Outcome {
  view.reset(buf, at, end)
  view.asn4 = session.asn4
  view.addPath = session.addPath
  view.multipleLabels = session.multipleLabels ?? 0
  // withdrawn length(2) withdrawn… attributes length(2) attributes… NLRI…; when the lengths do not
  // fit into the message nothing in it can be trusted (RFC 4271 §6.3, kept by RFC 7606 §3 b)
  if (end - at < 4) return failMessage(view, UpdateReason.TOO_SHORT)
  const withdrawnEnd = at + 2 + u16(buf, at)
  const attrsAt = withdrawnEnd + 2
  if (attrsAt > end) return failMessage(view, UpdateReason.WITHDRAWN_LENGTH)
  const attrsEnd = attrsAt + u16(buf, withdrawnEnd)
  if (attrsEnd > end) return failMessage(view, UpdateReason.ATTRIBUTES_LENGTH)
  view.withdrawnAt = at + 2
  view.withdrawnEnd = withdrawnEnd
  view.attrsAt = attrsAt
  view.attrsEnd = attrsEnd
  view.nlriAt = attrsEnd
  if (!walkAttributes(view, buf, attrsAt, attrsEnd, session)) return view.outcome
  const hasClassic = end - at !== 4 + attrsEnd - attrsAt
  if (hasClassic && !checkClassic(view, session)) return view.outcome
  if (view.hasFamilyAttr) checkFamilyAttrs(view, attrsEnd < end)
  checkMessage(view)
  if (view.outcome === Outcome.OK && view.attrCount <= 1 && !hasClassic) {
    view.endOfRib = endOfRibFamily(view, session)
  }
  return view.outcome
}

function failMessage(view: UpdateView, reason: number): Outcome {
  const { MALFORMED_ATTRIBUTE_LIST } = UpdateError
  view.fail(Outcome.SESSION_RESET, reason, MALFORMED_ATTRIBUTE_LIST, 0, view.at, view.at)
  return view.outcome
}

/**
 * All path attributes into the columns, each checked; false when one ends the session. Columns and
 * tables are taken into locals before the loop: fetching them again for each attribute would be a
 * good part of the time of a message.
 */
function walkAttributes(
  view: UpdateView,
  buf: Uint8Array,
  attrsAt: number,
  attrsEnd: number,
  session: UpdateSession,
): boolean {
  const { rowByType, attrType, attrFlags, attrAt, attrValueAt, attrEnd, generation } = view
  const { asn4, ebgp } = session
  const wanted = wantedFlags(session)
  const minValue = MIN_VALUE
  const hasCheck = HAS_VALUE_CHECK
  let at = attrsAt
  let row = 0
  while (at < attrsEnd) {
    if (attrsEnd - at < 3) return failHeader(view, row, at)
    const flags = buf[at]!
    const type = buf[at + 1]!
    let length = buf[at + 2]!
    let valueAt = at + 3
    if ((flags & EXTENDED_LENGTH) !== 0) {
      if (attrsEnd - at < 4) return failHeader(view, row, at)
      length = (length << 8) | buf[at + 3]!
      valueAt = at + 4
    }
    const end = valueAt + length
    if (end > attrsEnd) return failEnd(view, row, type, at)
    if (rowByType[type]! >= generation) {
      if (!failDuplicate(view, row, type, at, end)) return false
      at = end
      continue
    }
    attrType[row] = type
    attrFlags[row] = flags
    attrAt[row] = at
    attrValueAt[row] = valueAt
    attrEnd[row] = end
    rowByType[type] = generation + row
    row++
    if ((flags & FLAGS_CHECKED) !== wanted[type]) {
      if (!checkFlags(view, row - 1, session)) return stop(view, row)
    } else if (type === AS_PATH) {
      const fault = checkAsPath(buf, valueAt, end, asn4 ? 4 : 2, ebgp)
      if (fault !== 0) failValue(view, row - 1, fault)
    } else if (type === MP_REACH_NLRI) {
      if (!parseMpReach(view, row - 1, valueAt, end, session)) return stop(view, row)
    } else if (type === MP_UNREACH_NLRI) {
      if (!parseMpUnreach(view, row - 1, valueAt, end, session)) return stop(view, row)
    } else if (length !== minValue[type] && isBadLength(type, length)) {
      failLength(view, row - 1)
    } else if (hasCheck[type] === HAS_FAMILY_CHECK) {
      view.hasFamilyAttr = true
    } else if (hasCheck[type] !== 0) {
      const fault = checkValue(type, buf, valueAt, end, asn4, ebgp)
      if (fault !== 0) failValue(view, row - 1, fault)
    }
    at = end
  }
  view.attrCount = row
  return true
}

function stop(view: UpdateView, row: number): false {
  view.attrCount = row
  return false
}

function isBadLength(type: number, length: number): boolean {
  if (length < MIN_VALUE[type]! || length > MAX_VALUE[type]!) return true
  return length % ITEM_SIZE[type]! !== 0
}

/** The octets left are no attribute: the rest is lost, the NLRI field is not (RFC 7606 §4). */
function failHeader(view: UpdateView, row: number, at: number): true {
  const { MALFORMED_ATTRIBUTE_LIST } = UpdateError
  const { TREAT_AS_WITHDRAW } = Outcome
  const { attrsEnd } = view
  view.attrCount = row
  view.fail(
    TREAT_AS_WITHDRAW,
    UpdateReason.ATTRIBUTE_HEADER,
    MALFORMED_ATTRIBUTE_LIST,
    0,
    at,
    attrsEnd,
  )
  return true
}

/**
 * An attribute is longer than the list (RFC 7606 §4). When it is a field of NLRI itself, routes are
 * lost with it (§3 j).
 */
function failEnd(view: UpdateView, row: number, type: number, at: number): boolean {
  const holdsNlri = type === MP_REACH_NLRI || type === MP_UNREACH_NLRI
  const outcome = holdsNlri ? Outcome.SESSION_RESET : Outcome.TREAT_AS_WITHDRAW
  const { ATTRIBUTE_LENGTH_ERROR } = UpdateError
  view.attrCount = row
  view.fail(outcome, UpdateReason.ATTRIBUTE_LENGTH, ATTRIBUTE_LENGTH_ERROR, type, at, view.attrsEnd)
  return !holdsNlri
}

/** RFC 7606 §3 g: the first one counts, but a second field of NLRI ends the session. */
function failDuplicate(
  view: UpdateView,
  row: number,
  type: number,
  at: number,
  end: number,
): boolean {
  const holdsNlri = type === MP_REACH_NLRI || type === MP_UNREACH_NLRI
  const outcome = holdsNlri ? Outcome.SESSION_RESET : Outcome.ATTRIBUTE_DISCARD
  const { MALFORMED_ATTRIBUTE_LIST } = UpdateError
  view.duplicates++
  if (holdsNlri) view.attrCount = row
  view.fail(outcome, UpdateReason.DUPLICATE, MALFORMED_ATTRIBUTE_LIST, type, at, end)
  return !holdsNlri
}

/** Withdrawn Routes and NLRI fields; false when one of them is no list of prefixes (RFC 7606 §3 i, §5.3). */
function checkClassic(view: UpdateView, session: UpdateSession): boolean {
  const { withdrawnAt, withdrawnEnd, nlriAt, nlriEnd } = view
  const addPath = (session.addPath & (1 << Family.IPV4_UNICAST)) !== 0
  const { IPV4_UNICAST } = Family
  let wrong = nlriFault(view.buf, withdrawnAt, withdrawnEnd, IPV4_UNICAST, addPath, false)
  if (wrong >= 0) return failClassic(view, withdrawnAt, withdrawnEnd, wrong)
  wrong = nlriFault(view.buf, nlriAt, nlriEnd, IPV4_UNICAST, addPath, false)
  if (wrong >= 0) return failClassic(view, nlriAt, nlriEnd, wrong)
  if (negotiated(session, Family.IPV4_UNICAST) === 0) {
    view.classicIgnored = true
    view.withdrawnEnd = withdrawnAt
    view.nlriEnd = nlriAt
  }
  return true
}

function failClassic(view: UpdateView, at: number, end: number, wrong: number): false {
  const { INVALID_NETWORK_FIELD } = UpdateError
  view.fail(Outcome.SESSION_RESET, UpdateReason.NLRI, INVALID_NETWORK_FIELD, 0, at, end)
  view.faultAt = wrong
  return false
}

/** RFC 4724 §2, of a message without classic prefixes: empty, or an MP_UNREACH_NLRI without routes. */
function endOfRibFamily(view: UpdateView, session: UpdateSession): Family | 0 {
  if (view.attrCount === 0) return negotiated(session, Family.IPV4_UNICAST)
  return view.unreachAt === view.unreachEnd ? view.unreachFamily : 0
}
