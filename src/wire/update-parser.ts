/**
 * HOT: parseUpdate walks one UPDATE once and leaves offsets and a verdict in the session's view.
 * Never throws, allocates nothing, malformed input included. Called by session.ts per message.
 */
import { u16 } from '../base/bytes.ts'
import { ITEM_SIZE, MAX_VALUE, MIN_VALUE } from './attribute.ts'
import { checkNlri } from './nlri-cursor.ts'
import { Attr, AttrFlag, Family, familyOf, Outcome, UpdateError } from './registry.ts'
import {
  checkFlags,
  checkMessage,
  FLAGS_CHECKED,
  failAttribute,
  failValue,
  VALUE_CHECKS,
  wantedFlags,
} from './update-check.ts'
import { UpdateReason } from './update-reason.ts'
import type { UpdateSession, UpdateView } from './update-view.ts'

/** AFI(2) SAFI(1): the shortest MP_UNREACH_NLRI (RFC 4760 §4). */
const MP_UNREACH_MIN = 3
/** AFI(2) SAFI(1) next hop length(1) reserved(1): the shortest MP_REACH_NLRI (RFC 4760 §3). */
const MP_REACH_MIN = 5

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
  const { rowByType, attrType, attrFlags, attrAt, attrValueAt, attrEnd, attrDiscard } = view
  const { EXTENDED_LENGTH } = AttrFlag
  const { MP_REACH_NLRI, MP_UNREACH_NLRI } = Attr
  const flagsChecked = FLAGS_CHECKED
  const wanted = wantedFlags(session)
  const minValue = MIN_VALUE
  const checks = VALUE_CHECKS
  let at = attrsAt
  let row = 0
  while (at < attrsEnd) {
    const flags = buf[at]!
    const extended = (flags & EXTENDED_LENGTH) !== 0
    const valueAt = at + (extended ? 4 : 3)
    if (valueAt > attrsEnd) return failList(view, UpdateReason.ATTRIBUTE_HEADER, 0, at)
    const type = buf[at + 1]!
    const length = extended ? u16(buf, at + 2) : buf[at + 2]!
    const end = valueAt + length
    if (end > attrsEnd) return failList(view, UpdateReason.ATTRIBUTE_LENGTH, type, at)
    if (rowByType[type] !== 0) {
      if (!failDuplicate(view, type, at, end)) return false
      at = end
      continue
    }
    attrType[row] = type
    attrFlags[row] = flags
    attrAt[row] = at
    attrValueAt[row] = valueAt
    attrEnd[row] = end
    attrDiscard[row] = 0
    rowByType[type] = ++row
    view.attrCount = row
    if ((flags & flagsChecked) !== wanted[type]) {
      if (!checkFlags(view, row - 1, session)) return false
    } else if (type === MP_REACH_NLRI) {
      if (!parseMpReach(view, row - 1, valueAt, end, session)) return false
    } else if (type === MP_UNREACH_NLRI) {
      if (!parseMpUnreach(view, row - 1, valueAt, end, session)) return false
    } else if (length !== minValue[type] && isBadLength(type, length)) {
      failValue(view, row - 1, UpdateReason.LENGTH)
    } else {
      const check = checks[type]!
      const reason = check === null ? 0 : check(buf, valueAt, end, session)
      if (reason !== 0) failValue(view, row - 1, reason)
    }
    at = end
  }
  return true
}

function isBadLength(type: number, length: number): boolean {
  if (length < MIN_VALUE[type]! || length > MAX_VALUE[type]!) return true
  return length % ITEM_SIZE[type]! !== 0
}

/**
 * The list of attributes breaks off: the rest is lost, the NLRI field is not (RFC 7606 §4). When
 * what breaks is a field of NLRI itself, routes are lost with it (§3 j).
 */
function failList(view: UpdateView, reason: number, type: number, at: number): boolean {
  const holdsNlri = type === Attr.MP_REACH_NLRI || type === Attr.MP_UNREACH_NLRI
  const outcome = holdsNlri ? Outcome.SESSION_RESET : Outcome.TREAT_AS_WITHDRAW
  const subcode =
    reason === UpdateReason.ATTRIBUTE_LENGTH
      ? UpdateError.ATTRIBUTE_LENGTH_ERROR
      : UpdateError.MALFORMED_ATTRIBUTE_LIST
  view.fail(outcome, reason, subcode, type, at, view.attrsEnd)
  return !holdsNlri
}

/** RFC 7606 §3 g: the first one counts, but a second field of NLRI ends the session. */
function failDuplicate(view: UpdateView, type: number, at: number, end: number): boolean {
  const holdsNlri = type === Attr.MP_REACH_NLRI || type === Attr.MP_UNREACH_NLRI
  const outcome = holdsNlri ? Outcome.SESSION_RESET : Outcome.ATTRIBUTE_DISCARD
  const { MALFORMED_ATTRIBUTE_LIST } = UpdateError
  view.duplicates++
  view.fail(outcome, UpdateReason.DUPLICATE, MALFORMED_ATTRIBUTE_LIST, type, at, end)
  return !holdsNlri
}

function negotiated(session: UpdateSession, family: Family | 0): Family | 0 {
  return family !== 0 && (session.families & (1 << family)) !== 0 ? family : 0
}

/** AFI(2) SAFI(1) next hop length(1) next hop… reserved(1) NLRI… (RFC 4760 §3). */
function parseMpReach(
  view: UpdateView,
  row: number,
  at: number,
  end: number,
  session: UpdateSession,
): boolean {
  const buf = view.buf
  if (end - at < MP_REACH_MIN) {
    failAttribute(view, row, Outcome.SESSION_RESET, UpdateReason.LENGTH)
    return false
  }
  view.reachAfi = u16(buf, at)
  view.reachSafi = buf[at + 2]!
  view.reachAt = view.reachEnd = end
  const family = negotiated(session, familyOf(view.reachAfi, view.reachSafi))
  if (family === 0) return true
  view.reachFamily = family
  const nextHopLen = buf[at + 3]!
  const nlriAt = at + MP_REACH_MIN + nextHopLen
  if (nlriAt > end || !isNextHopLength(family, nextHopLen)) {
    failAttribute(view, row, Outcome.AFI_SAFI_DISABLE, UpdateReason.NEXT_HOP_LENGTH)
    return true
  }
  view.nextHopAt = at + 4
  view.nextHopLen = nextHopLen
  if (!checkNlri(buf, nlriAt, end, family, (session.addPath & (1 << family)) !== 0)) {
    failAttribute(view, row, Outcome.AFI_SAFI_DISABLE, UpdateReason.NLRI)
    return true
  }
  view.reachAt = nlriAt
  return true
}

/** AFI(2) SAFI(1) withdrawn… (RFC 4760 §4). */
function parseMpUnreach(
  view: UpdateView,
  row: number,
  at: number,
  end: number,
  session: UpdateSession,
): boolean {
  const buf = view.buf
  if (end - at < MP_UNREACH_MIN) {
    failAttribute(view, row, Outcome.SESSION_RESET, UpdateReason.LENGTH)
    return false
  }
  view.unreachAfi = u16(buf, at)
  view.unreachSafi = buf[at + 2]!
  view.unreachAt = view.unreachEnd = end
  const family = negotiated(session, familyOf(view.unreachAfi, view.unreachSafi))
  if (family === 0) return true
  view.unreachFamily = family
  const nlriAt = at + MP_UNREACH_MIN
  if (!checkNlri(buf, nlriAt, end, family, (session.addPath & (1 << family)) !== 0)) {
    failAttribute(view, row, Outcome.AFI_SAFI_DISABLE, UpdateReason.NLRI)
    return true
  }
  view.unreachAt = nlriAt
  return true
}

/**
 * Octets of a next hop: the address, an IPv6 one with or without its link-local (RFC 2545 §3),
 * each behind a zero RD for the VPN families (RFC 4364 §4.3.2, RFC 4659 §3.2.1), and an IPv6 one
 * for IPv4 NLRI (RFC 8950 §3), negotiated or not: deployed speakers do not ask.
 */
function isNextHopLength(family: Family, length: number): boolean {
  switch (family) {
    case Family.IPV4_UNICAST:
      return length === 4 || length === 16 || length === 32
    case Family.IPV6_UNICAST:
      return length === 16 || length === 32
    case Family.VPNV4:
      return length === 12 || length === 24 || length === 48
    case Family.VPNV6:
      return length === 24 || length === 48
  }
}

/** Withdrawn Routes and NLRI fields; false when one of them is no list of prefixes (RFC 7606 §3 i, §5.3). */
function checkClassic(view: UpdateView, session: UpdateSession): boolean {
  const { withdrawnAt, withdrawnEnd, nlriAt, nlriEnd } = view
  const addPath = (session.addPath & (1 << Family.IPV4_UNICAST)) !== 0
  if (!checkNlri(view.buf, withdrawnAt, withdrawnEnd, Family.IPV4_UNICAST, addPath)) {
    return failClassic(view, withdrawnAt, withdrawnEnd)
  }
  if (!checkNlri(view.buf, nlriAt, nlriEnd, Family.IPV4_UNICAST, addPath)) {
    return failClassic(view, nlriAt, nlriEnd)
  }
  if (negotiated(session, Family.IPV4_UNICAST) === 0) {
    view.classicIgnored = true
    view.withdrawnEnd = withdrawnAt
    view.nlriEnd = nlriAt
  }
  return true
}

function failClassic(view: UpdateView, at: number, end: number): false {
  const { INVALID_NETWORK_FIELD } = UpdateError
  view.fail(Outcome.SESSION_RESET, UpdateReason.NLRI, INVALID_NETWORK_FIELD, 0, at, end)
  return false
}

/** RFC 4724 §2, of a message without classic prefixes: empty, or an MP_UNREACH_NLRI without routes. */
function endOfRibFamily(view: UpdateView, session: UpdateSession): Family | 0 {
  if (view.attrCount === 0) return negotiated(session, Family.IPV4_UNICAST)
  return view.unreachAt === view.unreachEnd ? view.unreachFamily : 0
}
