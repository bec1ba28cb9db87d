/** NLRI fields and MP attributes of a parsed UPDATE as plain objects: decode.ts hands them on. */
import { hexOf, u24 } from '../base/bytes.ts'
import { formatAddress, formatKey, formatMac, formatRd } from './address.ts'
import { type EvpnRoute, evpnTypeName } from './evpn.ts'
import { NlriCursor } from './nlri-cursor.ts'
import { Family, familyName, familySpec } from './registry.ts'
import type { UpdateView } from './update-view.ts'

/** One route and the octets it was read from. */
export interface DecodedNlri {
  at: number
  end: number
  rd?: string
  /** `10.1.0.0/16`; `65000:rt:65000:10/96`; an EVPN route as `[2]:[0]:[48]:[02:00:00:00:00:01]`. */
  prefix: string
  /** The three octets of the first label field, of a withdrawn route too; the label is `label >>> 4`. */
  label?: number
  /** All label fields, where there are several. */
  labels?: number[]
  pathId?: number
  evpn?: DecodedEvpn
}

/** The fields of an EVPN route (RFC 7432 §7, RFC 9136 §3); `hex` is the value of an unknown one. */
export interface DecodedEvpn {
  type: number
  name: string
  esi?: string
  ethernetTag?: number
  mac?: string
  /** Address; of an IP prefix route with its length. */
  ip?: string
  gateway?: string
  hex?: string
}

/** RFC 4760 §3. */
export interface DecodedReach {
  family: string
  nextHops: string[]
  /** Route distinguisher before each next hop, for the VPN families. */
  nextHopRds?: string[]
  reserved: number
  nlri: DecodedNlri[]
  /** Next hop and NLRI of a family that is not known or was not negotiated. */
  nextHopHex?: string
  hex?: string
}

/** RFC 4760 §4. */
export interface DecodedUnreach {
  family: string
  withdrawn: DecodedNlri[]
  /** NLRI of a family that is not known or was not negotiated. */
  hex?: string
}

/** The MP_REACH_NLRI whose value begins at `at`; null when its form is not right. */
export function decodeReach(view: UpdateView, at: number): DecodedReach | null {
  const { reachFamily: family, nextHopAt, nextHopLen, reachAt, reachEnd, buf } = view
  if (nextHopAt !== at + 4) return null
  const reserved = nextHopAt + nextHopLen
  if (reserved + 1 !== reachAt) return null
  const name = familyName(view.reachAfi, view.reachSafi)
  if (family === 0) {
    const nextHopHex = hexOf(buf, nextHopAt, reserved)
    const hex = hexOf(buf, reachAt, reachEnd)
    return { family: name, nextHops: [], reserved: buf[reserved]!, nlri: [], nextHopHex, hex }
  }
  const rdBytes = familySpec(family).hasRd && family !== Family.EVPN ? 8 : 0
  const addressBytes = nextHopLen === rdBytes + 4 ? 4 : 16
  const nextHops: string[] = []
  const nextHopRds: string[] = []
  for (let k = nextHopAt; k < reserved; k += rdBytes + addressBytes) {
    if (rdBytes > 0) nextHopRds.push(formatRd(buf, k))
    nextHops.push(formatAddress(buf, k + rdBytes, addressBytes))
  }
  return {
    family: name,
    nextHops,
    ...(rdBytes > 0 ? { nextHopRds } : {}),
    reserved: buf[reserved]!,
    nlri: decodeNlri(view, reachAt, reachEnd, family, false),
  }
}

/** The MP_UNREACH_NLRI whose value begins at `at`; null when its form is not right. */
export function decodeUnreach(view: UpdateView, at: number): DecodedUnreach | null {
  const { unreachFamily: family, unreachAt, unreachEnd } = view
  if (view.unreachAfi === 0 || unreachAt !== at + 3) return null
  const name = familyName(view.unreachAfi, view.unreachSafi)
  if (family === 0) {
    return { family: name, withdrawn: [], hex: hexOf(view.buf, unreachAt, unreachEnd) }
  }
  return { family: name, withdrawn: decodeNlri(view, unreachAt, unreachEnd, family, true) }
}

/** All routes of a field that the parser has passed. */
export function decodeNlri(
  view: UpdateView,
  at: number,
  end: number,
  family: Family,
  withdraw: boolean,
): DecodedNlri[] {
  const out: DecodedNlri[] = []
  const cursor = new NlriCursor()
  const bit = 1 << family
  const addPath = (view.addPath & bit) !== 0
  cursor.start(view.buf, at, end, family, addPath, withdraw, (view.multipleLabels & bit) !== 0)
  while (cursor.next()) {
    const nlri: DecodedNlri = { at: cursor.nlriAt, end: cursor.at, ...textOf(view, cursor, family) }
    const labels: number[] = []
    for (let k = 0; k < cursor.labelCount; k++) labels.push(u24(view.buf, cursor.labelsAt + 3 * k))
    if (labels.length > 0) nlri.label = labels[0]!
    if (labels.length > 1) nlri.labels = labels
    if (addPath) nlri.pathId = cursor.pathId
    if (family === Family.EVPN) nlri.evpn = decodeEvpn(view.buf, cursor.evpn)
    out.push(nlri)
  }
  return out
}

function textOf(view: UpdateView, cursor: NlriCursor, family: Family) {
  if (family !== Family.EVPN) return formatKey(family, cursor.key, 0, cursor.prefixBits)
  const { evpn } = cursor
  const prefix = formatEvpn(view.buf, evpn)
  return evpn.rdAt < 0 ? { prefix } : { rd: formatRd(view.buf, evpn.rdAt), prefix }
}

/** `[type]:[tag]:[48]:[MAC]:[bits]:[address]`: the parts the type has, as other speakers print them. */
function formatEvpn(buf: Uint8Array, route: EvpnRoute): string {
  if (route.rdAt < 0) {
    return `[${route.type}]:[0x${hexOf(buf, route.valueAt, route.valueEnd)}]`
  }
  const parts: (string | number)[] = [route.type]
  const isSegment = route.type === 4
  if (!isSegment) parts.push(route.ethernetTag)
  if (isSegment || route.type === 1) parts.push(formatMac(buf, route.esiAt, 10))
  if (route.macAt >= 0) parts.push(48, formatMac(buf, route.macAt, 6))
  if (route.ipBytes > 0) parts.push(route.ipBits, addressOf(buf, route.ipAt, route.ipBytes))
  return parts.map((part) => `[${part}]`).join(':')
}

function addressOf(buf: Uint8Array, at: number, bytes: number): string {
  return formatAddress(buf, at, bytes as 4 | 16)
}

function decodeEvpn(buf: Uint8Array, route: EvpnRoute): DecodedEvpn {
  const out: DecodedEvpn = { type: route.type, name: evpnTypeName(route.type) }
  if (route.rdAt < 0) return { ...out, hex: hexOf(buf, route.valueAt, route.valueEnd) }
  if (route.esiAt >= 0) out.esi = formatMac(buf, route.esiAt, 10)
  if (route.type !== 4) out.ethernetTag = route.ethernetTag
  if (route.macAt >= 0) out.mac = formatMac(buf, route.macAt, 6)
  if (route.ipBytes > 0) {
    const address = addressOf(buf, route.ipAt, route.ipBytes)
    out.ip = route.gatewayAt < 0 ? address : `${address}/${route.ipBits}`
  }
  if (route.gatewayAt >= 0) out.gateway = addressOf(buf, route.gatewayAt, route.ipBytes)
  return out
}
