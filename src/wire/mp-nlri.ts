/** HOT: MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760) into the view. Called by update-parser.ts. */
import { FAMILY_IDS, NEXT_HOP_LENGTHS } from './family.ts'
import { nlriFault } from './nlri-check.ts'
import { type Family, Outcome } from './registry.ts'
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
  if (end - at < MP_REACH_MIN) return failMpLength(view, row, at)
  const words = view.words
  const head = words.getInt32(at)
  const nextHopLen = head & 0xff
  const nlriAt = at + MP_REACH_MIN + nextHopLen
  view.reachAfi = head >>> 16
  view.reachSafi = (head >>> 8) & 0xff
  view.reachEnd = end
  view.isTouched = true
  const known = head >>> 8 < FAMILIES ? IDS[head >>> 8]! : 0
  const family = ((session.families >>> known) & 1) === 1 ? (known as Family) : 0
  if (family === 0) {
    view.reachAt = end
    if (nlriAt > end) return true
    view.nextHopAt = at + 4
    view.nextHopLen = nextHopLen
    view.reachAt = nlriAt
    return true
  }
  view.reachFamily = family
  if (nlriAt > end || NEXT_HOPS[family * 256 + nextHopLen] === 0) {
    view.reachAt = end
    failAttribute(view, row, AFI_SAFI_DISABLE, NEXT_HOP_LENGTH, at + 3, at + 4)
    return true
  }
  view.nextHopAt = at + 4
  view.nextHopLen = nextHopLen
  const rows = view.vpnReach
  const addPath = ((view.addPath >>> family) & 1) === 1
  const manyLabels = ((view.multipleLabels >>> family) & 1) === 1
  const isOther = rows === null || addPath === true || manyLabels === true
  if (isOther === true || rows.fill(view.buf, words, nlriAt, end, family) === false) {
    const wrong = nlriFault(view.buf, words, nlriAt, end, family, addPath, manyLabels)
    if (wrong >= 0) {
      view.reachAt = end
      failAttribute(view, row, AFI_SAFI_DISABLE, NLRI, wrong, end)
      return true
    }
  }
  view.reachAt = nlriAt
  return true
}

const { AFI_SAFI_DISABLE } = Outcome
const { NEXT_HOP_LENGTH, NLRI } = UpdateReason
const IDS = FAMILY_IDS
const FAMILIES = IDS.length
const MAX_AFI = FAMILIES >> 8
const NEXT_HOPS = NEXT_HOP_LENGTHS

/** AFI(2) SAFI(1) withdrawn…; false: the session ends. */
export function parseMpUnreach(
  view: UpdateView,
  row: number,
  at: number,
  end: number,
  session: UpdateSession,
): boolean {
  if (end - at < MP_UNREACH_MIN) return failMpLength(view, row, at)
  const words = view.words
  const afi = words.getUint16(at)
  const safi = words.getUint8(at + 2)
  const nlriAt = at + MP_UNREACH_MIN
  view.unreachAfi = afi
  view.unreachSafi = safi
  view.unreachAt = nlriAt
  view.unreachEnd = end
  view.isTouched = true
  const known = afi < MAX_AFI ? IDS[afi * 256 + safi]! : 0
  const family = ((session.families >>> known) & 1) === 1 ? (known as Family) : 0
  if (family === 0) return true
  view.unreachFamily = family
  // RFC 8277 §2.4: in the place of labels a withdrawn route has three octets, whatever was negotiated
  const addPath = ((view.addPath >>> family) & 1) === 1
  const rows = view.vpnUnreach
  if (addPath === false && rows !== null && rows.fill(view.buf, words, nlriAt, end, family))
    return true
  const wrong = nlriFault(view.buf, words, nlriAt, end, family, addPath, false)
  if (wrong >= 0) {
    view.unreachAt = end
    failAttribute(view, row, AFI_SAFI_DISABLE, NLRI, wrong, end)
  }
  return true
}

/** RFC 7606 §5.3: without a whole AFI and SAFI it is not known what would have to be withdrawn. */
function failMpLength(view: UpdateView, row: number, at: number): false {
  const lengthAt = view.attrAt[row]! + 2
  failAttribute(view, row, Outcome.SESSION_RESET, UpdateReason.LENGTH, lengthAt, at)
  return false
}
