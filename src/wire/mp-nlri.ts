/** HOT: MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760) into the view. Called by update-parser.ts. */
import { u16 } from '../base/bytes.ts'
import { nlriFault } from './nlri-check.ts'
import { type Family, familyOf, isNextHopLength, Outcome } from './registry.ts'
import { failAttribute } from './update-check.ts'
import { UpdateReason } from './update-reason.ts'
import type { UpdateSession, UpdateView } from './update-view.ts'

/** AFI(2) SAFI(1) next hop length(1) reserved(1): the shortest MP_REACH_NLRI (RFC 4760 §3). */
const MP_REACH_MIN = 5
/** AFI(2) SAFI(1): the shortest MP_UNREACH_NLRI (RFC 4760 §4). */
const MP_UNREACH_MIN = 3

/** The family if it was negotiated, else 0. */
export function negotiated(session: UpdateSession, family: Family | 0): Family | 0 {
  return family !== 0 && (session.families & (1 << family)) !== 0 ? family : 0
}

/** AFI(2) SAFI(1) next hop length(1) next hop… reserved(1) NLRI…; false: the session ends. */
export function parseMpReach(
  view: UpdateView,
  row: number,
  at: number,
  end: number,
  session: UpdateSession,
): boolean {
  const buf = view.buf
  if (end - at < MP_REACH_MIN) return failMpLength(view, row, at)
  const afi = u16(buf, at)
  const safi = buf[at + 2]!
  const nextHopLen = buf[at + 3]!
  const nlriAt = at + MP_REACH_MIN + nextHopLen
  view.reachAfi = afi
  view.reachSafi = safi
  view.reachAt = view.reachEnd = end
  const family = negotiated(session, familyOf(afi, safi))
  if (family === 0) {
    if (nlriAt > end) return true
    view.nextHopAt = at + 4
    view.nextHopLen = nextHopLen
    view.reachAt = nlriAt
    return true
  }
  view.reachFamily = family
  if (nlriAt > end || !isNextHopLength(family, nextHopLen)) {
    const { AFI_SAFI_DISABLE } = Outcome
    failAttribute(view, row, AFI_SAFI_DISABLE, UpdateReason.NEXT_HOP_LENGTH, at + 3, at + 4)
    return true
  }
  view.nextHopAt = at + 4
  view.nextHopLen = nextHopLen
  const bit = 1 << family
  const addPath = (view.addPath & bit) !== 0
  const wrong = nlriFault(buf, nlriAt, end, family, addPath, (view.multipleLabels & bit) !== 0)
  if (wrong >= 0) {
    failAttribute(view, row, Outcome.AFI_SAFI_DISABLE, UpdateReason.NLRI, wrong, end)
    return true
  }
  view.reachAt = nlriAt
  return true
}

/** AFI(2) SAFI(1) withdrawn…; false: the session ends. */
export function parseMpUnreach(
  view: UpdateView,
  row: number,
  at: number,
  end: number,
  session: UpdateSession,
): boolean {
  const buf = view.buf
  if (end - at < MP_UNREACH_MIN) return failMpLength(view, row, at)
  view.unreachAfi = u16(buf, at)
  view.unreachSafi = buf[at + 2]!
  view.unreachAt = view.unreachEnd = end
  const nlriAt = at + MP_UNREACH_MIN
  const family = negotiated(session, familyOf(view.unreachAfi, view.unreachSafi))
  if (family === 0) {
    view.unreachAt = nlriAt
    return true
  }
  view.unreachFamily = family
  // RFC 8277 §2.4: in the place of labels a withdrawn route has three octets, whatever was negotiated
  const wrong = nlriFault(buf, nlriAt, end, family, (view.addPath & (1 << family)) !== 0, false)
  if (wrong >= 0) {
    failAttribute(view, row, Outcome.AFI_SAFI_DISABLE, UpdateReason.NLRI, wrong, end)
    return true
  }
  view.unreachAt = nlriAt
  return true
}

/** RFC 7606 §5.3: without a whole AFI and SAFI it is not known what would have to be withdrawn. */
function failMpLength(view: UpdateView, row: number, at: number): false {
  const lengthAt = view.attrAt[row]! + 2
  failAttribute(view, row, Outcome.SESSION_RESET, UpdateReason.LENGTH, lengthAt, at)
  return false
}
