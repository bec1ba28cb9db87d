/**
 * HOT: parseUpdate walks one UPDATE once and leaves offsets and a verdict in the session's view.
 * Never throws, allocates nothing, malformed input included. Called by session.ts per message.
 */
import { checkValue, HAS_FAMILY_CHECK, HAS_VALUE_CHECK } from './attr-check.ts'
import { ATTR_BIT, ITEM_SIZE, MAX_VALUE, MIN_VALUE, OTHER_ATTR_BIT } from './attribute.ts'
import { checkFamilyAttrs } from './family-check.ts'
import { negotiated, parseMpReach, parseMpUnreach } from './mp-nlri.ts'
import { nlriFault } from './nlri-check.ts'
import {
  isPlainPath,
  ORIGIN_HEADER,
  PLAIN_SERVICE,
  passOpening,
  SERVICE_HEADS,
  SHORTEST_OPENING,
} from './plain-attr.ts'
import { Attr, AttrFlag, Family, Outcome, UpdateError } from './registry.ts'
import {
  ATTR_RULES,
  AttrRule,
  checkFlags,
  checkNextHop,
  checkNlriFound,
  FLAGS_CHECKED as FLAGS,
  failLength,
  failValue,
  HIGH,
  requireMandatory,
} from './update-check.ts'
import { UpdateReason } from './update-reason.ts'
import type { UpdateSession, UpdateView } from './update-view.ts'

const { MP_REACH_NLRI, MP_UNREACH_NLRI } = Attr

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
  view.addPath = session.addPath | 0
  view.multipleLabels = (session.multipleLabels ?? 0) | 0
  // withdrawn length(2) withdrawn… attributes length(2) attributes… NLRI…; when the lengths do not
  // fit into the message nothing in it can be trusted (RFC 4271 §6.3, kept by RFC 7606 §3 b)
  if (end - at < 4) return failMessage(view, TOO_SHORT)
  const words = view.words
  const withdrawnEnd = at + 2 + words.getUint16(at)
  const attrsAt = withdrawnEnd + 2
  if (attrsAt > end) return failMessage(view, WITHDRAWN_LENGTH)
  const attrsEnd = attrsAt + words.getUint16(withdrawnEnd)
  if (attrsEnd > end) return failMessage(view, ATTRIBUTES_LENGTH)
  view.withdrawnAt = at + 2
  view.withdrawnEnd = withdrawnEnd
  view.attrsAt = attrsAt
  view.attrsEnd = attrsEnd
  view.nlriAt = attrsEnd
  const opens =
    attrsEnd - attrsAt >= OPENING &&
    words.getInt32(attrsAt) >>> 8 === OPENS &&
    session.asn4 === true
  const from = opens ? passOpening(view, attrsAt, attrsEnd) : attrsAt
  if (from < attrsEnd && walkAttributes(view, from, attrsEnd, session) === false) {
    return view.outcome
  }
  const hasNlri = attrsEnd < end
  if (hasNlri || withdrawnEnd > at + 2) {
    const { ipv4 } = view
    const addPath = (session.addPath & IPV4_BIT) !== 0
    let isFilled = ipv4 !== null && addPath === false
    if (isFilled === true && withdrawnEnd > at + 2) {
      isFilled = ipv4!.add(buf, words, at + 2, withdrawnEnd)
      ipv4!.withdrawn = ipv4!.count
    }
    if (isFilled === true && hasNlri) isFilled = ipv4!.add(buf, words, attrsEnd, end)
    if (isFilled === false && checkClassic(view, words, addPath) === false) return view.outcome
    if ((session.families & IPV4_BIT) === 0) ignoreClassic(view)
  } else if (view.attrCount <= 1 && view.outcome === OK) {
    view.endOfRib = endOfRibFamily(view, session)
    view.isTouched = true
  }
  if (view.hasOpenAttr === true) checkFamilyAttrs(view, hasNlri)
  const wanted = hasNlri ? MANDATORY_CLASSIC : view.reachEnd !== 0 ? MANDATORY : 0
  if ((view.attrBits & wanted) !== wanted) requireMandatory(view, hasNlri)
  if (hasNlri && view.hasOpenAttr === true) checkNextHop(view)
  if (view.outcome === TREAT_AS_WITHDRAW) checkNlriFound(view)
  return view.outcome
}

const { TOO_SHORT, WITHDRAWN_LENGTH, ATTRIBUTES_LENGTH } = UpdateReason
const { OK, TREAT_AS_WITHDRAW } = Outcome
const { IPV4_UNICAST } = Family
const IPV4_BIT = 1 << IPV4_UNICAST
const MANDATORY = ATTR_BIT[Attr.ORIGIN]! | ATTR_BIT[Attr.AS_PATH]!
const MANDATORY_CLASSIC = MANDATORY | ATTR_BIT[Attr.NEXT_HOP]!

function failMessage(view: UpdateView, reason: number): Outcome {
  const { MALFORMED_ATTRIBUTE_LIST } = UpdateError
  view.withdrawnAt = view.withdrawnEnd = view.attrsAt = view.attrsEnd = view.at
  view.nlriAt = view.end
  view.fail(Outcome.SESSION_RESET, reason, MALFORMED_ATTRIBUTE_LIST, 0, view.at, view.at)
  const { at, end, words } = view
  // what is wrong: the length field that says too much, or all there is
  view.faultAt = reason === ATTRIBUTES_LENGTH ? at + 2 + words.getUint16(at) : at
  view.faultEnd = reason === TOO_SHORT ? end : view.faultAt + 2
  return view.outcome
}

// Tables in constants of this file: the compiler must fetch those of other files each time.
const RULES = ATTR_RULES
const BITS = ATTR_BIT
const OTHER = OTHER_ATTR_BIT
const PLAIN = PLAIN_SERVICE
const { SERVICE, INFORMATION, STRUCTURE } = SERVICE_HEADS
const FLAGS_CHECKED = FLAGS << 24
const EXTENDED = AttrFlag.EXTENDED_LENGTH << 24
const { FIXED, ITEMS, ORIGIN, AS_PATH, MP_REACH, MP_UNREACH, PREFIX_SID, UNWANTED, NEXT_HOP } =
  AttrRule
const HIGH_OCTET = HIGH
const OPENING = SHORTEST_OPENING
const OPENS = ORIGIN_HEADER

/**
 * The path attributes from `from` on into rows, each checked; false when one ends the session. What
 * most attributes look like is passed at once; the verdict on what does not is left to
 * update-check.ts.
 */
function walkAttributes(
  view: UpdateView,
  from: number,
  attrsEnd: number,
  session: UpdateSession,
): boolean {
  const { words, attrAt } = view
  const kind = (session.ebgp === true ? 256 : 0) | (session.asn4 === true ? 512 : 0)
  let at = from | 0
  let row = view.attrCount
  let bits = view.attrBits
  while (at < attrsEnd) {
    if (attrsEnd - at < 4 && !hasHeader(view.buf, at, attrsEnd)) return failHeader(view, row, at)
    // flags(1) type(1) length(1 or 2), and of an attribute without a value what stands for it
    const head = attrsEnd - at < 4 ? shortHead(view.buf, at) : words.getInt32(at)
    const type = (head >>> 16) & 0xff
    let length = (head >>> 8) & 0xff
    let valueAt = at + 3
    if ((head & EXTENDED) !== 0) {
      length = head & 0xffff
      valueAt = at + 4
    }
    const end = valueAt + length
    if (end > attrsEnd) return failEnd(view, row, type, at)
    const bit = BITS[type]!
    if ((bits & bit) !== 0 && (bit !== OTHER || isAmong(view, row, type))) {
      if (!failDuplicate(view, row, type, at, end)) return false
      at = end
      continue
    }
    bits |= bit
    attrAt[row++] = at
    const rule = RULES[kind + type]!
    const check = rule & 0xff
    let goesOn = true
    if (((head ^ rule) & FLAGS_CHECKED) !== 0) {
      goesOn = checkFlags(view, row - 1, session)
    } else if (check === FIXED) {
      if (length !== ((rule >>> 8) & 0xff)) failLength(view, row - 1)
    } else if (check === AS_PATH) {
      if (!isPlainPath(words, valueAt, end)) checkOne(view, row - 1, session)
    } else if (check === ORIGIN) {
      if (length !== 1 || words.getUint8(valueAt) > 2) checkOne(view, row - 1, session)
    } else if (check === NEXT_HOP) {
      if (length !== 4) failLength(view, row - 1)
      else if (words.getUint8(valueAt) >= HIGH_OCTET) leaveOpen(view)
    } else if (check === ITEMS) {
      if (length === 0 || (length & (rule >>> 8) & 0xff) !== 0) failLength(view, row - 1)
    } else if (check === MP_REACH) {
      goesOn = parseMpReach(view, row - 1, valueAt, end, session)
    } else if (check === PREFIX_SID) {
      // the types and lengths in it: here and not in a function, which V8 would sometimes only call
      if (
        length !== PLAIN ||
        (((words.getInt32(valueAt) ^ SERVICE) |
          (words.getInt32(valueAt + 4) ^ INFORMATION) |
          (words.getInt32(valueAt + 28) ^ STRUCTURE)) &
          0xffffff00) !==
          0
      ) {
        checkOne(view, row - 1, session)
      }
    } else if (check === MP_UNREACH) {
      goesOn = parseMpUnreach(view, row - 1, valueAt, end, session)
    } else if (check === UNWANTED) {
      goesOn = checkFlags(view, row - 1, session)
    } else {
      checkOne(view, row - 1, session)
    }
    if (goesOn === false) return stop(view, row)
    at = end
  }
  view.attrCount = row
  view.attrBits = bits
  return true
}

/** Are the three octets left, or less, a whole header? */
function hasHeader(buf: Uint8Array, at: number, end: number): boolean {
  return end - at === 3 && (buf[at]! & AttrFlag.EXTENDED_LENGTH) === 0
}

/** The three octets left, where an attribute would have its header and the first octet of a value. */
function shortHead(buf: Uint8Array, at: number): number {
  return (buf[at]! << 24) | (buf[at + 1]! << 16) | (buf[at + 2]! << 8)
}

/** Is the type among those of the first rows? */
function isAmong(view: UpdateView, rows: number, type: number): boolean {
  for (let row = 0; row < rows; row++) if (view.attrType(row) === type) return true
  return false
}

/** The verdict on length and value of an attribute that is not plain. */
function checkOne(view: UpdateView, row: number, session: UpdateSession): void {
  const type = view.attrType(row)
  const at = view.attrValueAt(row)
  const end = view.attrEnd(row)
  if (isBadLength(type, end - at)) {
    failLength(view, row)
    return
  }
  if (HAS_VALUE_CHECK[type] === HAS_FAMILY_CHECK) {
    leaveOpen(view)
    return
  }
  const fault = checkValue(type, view.buf, at, end, session.asn4, session.ebgp)
  if (fault !== 0) failValue(view, row, fault)
}

/** There is an attribute whose verdict depends on what else there is in the message. */
function leaveOpen(view: UpdateView): void {
  view.hasOpenAttr = true
  view.isTouched = true
}

/** Ends the walk behind so many rows. */
function stop(view: UpdateView, rows: number): false {
  setRows(view, rows)
  return false
}

function setRows(view: UpdateView, rows: number): void {
  view.attrCount = rows
  for (let row = 0; row < rows; row++) view.attrBits |= ATTR_BIT[view.attrType(row)]!
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
  setRows(view, row)
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
  setRows(view, row)
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
  if (holdsNlri) setRows(view, row)
  view.fail(outcome, UpdateReason.DUPLICATE, MALFORMED_ATTRIBUTE_LIST, type, at, end)
  return !holdsNlri
}

/** Are Withdrawn Routes and NLRI lists of prefixes (RFC 7606 §3 i, §5.3)? */
function checkClassic(view: UpdateView, words: DataView, addPath: boolean): boolean {
  const { buf, withdrawnAt, withdrawnEnd, nlriAt, end, ipv4 } = view
  let wrong = nlriFault(buf, words, withdrawnAt, withdrawnEnd, IPV4_UNICAST, addPath, false)
  if (wrong >= 0) return failClassic(view, withdrawnAt, withdrawnEnd, wrong)
  wrong = nlriFault(buf, words, nlriAt, end, IPV4_UNICAST, addPath, false)
  if (wrong >= 0) return failClassic(view, nlriAt, end, wrong)
  if (ipv4 !== null) ipv4.fillAddPath(buf, withdrawnAt, withdrawnEnd, nlriAt, end)
  return true
}

function failClassic(view: UpdateView, at: number, end: number, wrong: number): false {
  const { INVALID_NETWORK_FIELD } = UpdateError
  if (view.ipv4 !== null) view.ipv4.clear()
  view.fail(Outcome.SESSION_RESET, UpdateReason.NLRI, INVALID_NETWORK_FIELD, 0, at, end)
  view.faultAt = wrong
  return false
}

function ignoreClassic(view: UpdateView): void {
  if (view.ipv4 !== null) view.ipv4.clear()
  view.isTouched = true
  view.classicIgnored = true
  view.withdrawnEnd = view.withdrawnAt
  view.nlriEnd = view.nlriAt
}

/** RFC 4724 §2, of a message without classic prefixes: empty, or an MP_UNREACH_NLRI without routes. */
function endOfRibFamily(view: UpdateView, session: UpdateSession): Family | 0 {
  if (view.attrCount === 0) return negotiated(session, Family.IPV4_UNICAST)
  return view.unreachAt === view.unreachEnd ? view.unreachFamily : 0
}
