/** What `decode` prints, as plain objects: BGP messages and MRT records. */
import { hexOf } from '../base/bytes.ts'
import { formatAddress } from '../wire/address.ts'
import { decodeCapabilities } from '../wire/capability.ts'
import { type DecodedUpdate, decodeUpdate } from '../wire/decode.ts'
import { BgpError } from '../wire/error.ts'
import type { MrtPeerTable } from '../wire/mrt-peers.ts'
import type { MrtRecord } from '../wire/mrt-record.ts'
import type { RibEntryCursor } from '../wire/mrt-rib.ts'
import { MrtKind, mrtProblemText, mrtStateName, mrtTypeName } from '../wire/mrt-type.ts'
import { decodeNotification } from '../wire/notification.ts'
import { decodeOpen } from '../wire/open.ts'
import {
  capabilityName,
  errorName,
  familyName,
  HEADER_LENGTH,
  MessageType,
} from '../wire/registry.ts'
import { decodeRouteRefresh } from '../wire/route-refresh.ts'
import type { UpdateSession } from '../wire/update-view.ts'

/** One capability of an OPEN: its octets, and what they mean where srv6d knows. */
export interface DecodedCapability {
  code: number
  name: string
  hex: string
}

export interface DecodedOpen {
  type: 'OPEN'
  length: number
  version: number
  as: number
  holdTime: number
  routerId: string
  capabilities: DecodedCapability[]
  meaning: ReturnType<typeof decodeCapabilities>
}

export type DecodedMessage =
  | ({ type: 'UPDATE'; length: number } & DecodedUpdate)
  | DecodedOpen
  | { type: 'NOTIFICATION'; length: number; error: string; hex: string; text?: string }
  | { type: 'KEEPALIVE'; length: number }
  | { type: 'ROUTE-REFRESH'; length: number; family: string; subtype: number }
  | { type: string; length: number; problem: string; hex: string }

const TYPE_NAMES = ['', 'OPEN', 'UPDATE', 'NOTIFICATION', 'KEEPALIVE', 'ROUTE-REFRESH']

/** 'UPDATE'; 'type 9' for one without a name. */
export function messageTypeName(type: number): string {
  return TYPE_NAMES[type] || `type ${type}`
}

/** One message. Positions in it count from the first octet of its header. */
export function describeMessage(
  type: number,
  buf: Uint8Array,
  bodyAt: number,
  end: number,
  session: UpdateSession,
): DecodedMessage {
  // a copy, so that positions are those of the message and not of a chunk of the file
  const message = new Uint8Array(HEADER_LENGTH + end - bodyAt)
  message.set(buf.subarray(bodyAt, end), HEADER_LENGTH)
  const { length } = message
  try {
    return describeBody(type, message, session)
  } catch (error) {
    if (!(error instanceof BgpError)) throw error
    const hex = hexOf(message, HEADER_LENGTH)
    return { type: messageTypeName(type), length, problem: error.describe(), hex }
  }
}

function describeBody(type: number, message: Uint8Array, session: UpdateSession): DecodedMessage {
  const { length } = message
  const at = HEADER_LENGTH
  switch (type) {
    case MessageType.OPEN:
      return describeOpen(message)
    case MessageType.UPDATE:
      return { type: 'UPDATE', length, ...decodeUpdate(message, at, length, session) }
    case MessageType.NOTIFICATION: {
      const { code, subcode, data, text } = decodeNotification(message, at, length)
      const error = `${errorName(code, subcode)} (${code}/${subcode})`
      const words = text === undefined ? {} : { text }
      return { type: 'NOTIFICATION', length, error, hex: hexOf(data), ...words }
    }
    case MessageType.KEEPALIVE:
      return { type: 'KEEPALIVE', length }
    case MessageType.ROUTE_REFRESH: {
      const { afi, safi, subtype } = decodeRouteRefresh(message, at, length)
      return { type: 'ROUTE-REFRESH', length, family: familyName(afi, safi), subtype }
    }
    default: {
      const problem = `a message of type ${type}, expected 1 to 5`
      return { type: messageTypeName(type), length, problem, hex: hexOf(message, at) }
    }
  }
}

function describeOpen(message: Uint8Array): DecodedOpen {
  const { length } = message
  const open = decodeOpen(message, HEADER_LENGTH, length)
  const meaning = decodeCapabilities(open.capabilities)
  return {
    type: 'OPEN',
    length,
    version: open.version,
    as: meaning.as4 ?? open.as,
    holdTime: open.holdTime,
    routerId: [24, 16, 8, 0].map((bits) => (open.routerId >>> bits) & 255).join('.'),
    capabilities: open.capabilities.map(({ code, value }) => ({
      code,
      name: capabilityName(code),
      hex: hexOf(value),
    })),
    meaning,
  }
}

/** Where a BGP message was found outside of MRT. */
export interface Place {
  /** Octets into the file: of the message, or of the packet that completed it. */
  offset: number
  time?: string
  packet?: number
  from?: string
  to?: string
}

/** A speaker of an MRT record. */
export interface DecodedSpeaker {
  address: string
  as: number
}

export interface DecodedEntry {
  peer: { index: number } & Partial<DecodedSpeaker>
  originated: string
  pathId?: number
  /** The UPDATE that would have announced it; positions in it mean nothing. */
  update: DecodedUpdate
  problem?: string
}

/** One thing of a file: what --json prints a line of. */
export interface Decoded extends Place {
  /** `BGP4MP/MESSAGE_AS4`; `message` for one that was not in an MRT record. */
  type: string
  peer?: DecodedSpeaker
  local?: DecodedSpeaker
  /** Sent by the collector itself (the _LOCAL subtypes). */
  sent?: true
  message?: DecodedMessage
  stateChange?: { from: string; to: string }
  peers?: ({ index: number; bgpId: string } & DecodedSpeaker)[]
  view?: string
  sequence?: number
  family?: string
  /** Of a RIB record: the prefix, and the octets of the NLRI of RIB_GENERIC. */
  prefix?: string
  nlri?: string
  entries?: DecodedEntry[]
  /** What cannot be read of it. */
  problem?: string
}

/** What every record begins with. */
export function describeRecord(record: MrtRecord): Decoded {
  const { offset, type, subtype, timestamp, microseconds } = record
  return { offset, time: timeText(timestamp, microseconds), type: mrtTypeName(type, subtype) }
}

/** `2026-01-02T03:04:05Z`, with microseconds where there are any. */
export function timeText(seconds: number, microseconds: number): string {
  const text = new Date(seconds * 1000).toISOString().slice(0, 19)
  const fraction = microseconds === 0 ? '' : `.${String(microseconds).padStart(6, '0')}`
  return `${text}${fraction}Z`
}

/** The two speakers of a BGP4MP record, and its message or change of state. */
export function describeBgp4mp(record: MrtRecord, out: Decoded): void {
  const { buf, addressBytes } = record
  const address = (at: number) => formatAddress(buf, at, addressBytes)
  out.peer = { address: address(record.peerAddressAt), as: record.peerAs }
  out.local = { address: address(record.localAddressAt), as: record.localAs }
  if (record.local) out.sent = true
  if (record.kind === MrtKind.MESSAGE) {
    const { messageType, messageBodyAt, messageEnd, session } = record
    out.message = describeMessage(messageType, buf, messageBodyAt, messageEnd, session)
  } else {
    const { oldState, newState } = record
    out.stateChange = { from: mrtStateName(oldState), to: mrtStateName(newState) }
  }
}

export function describePeers(peers: MrtPeerTable, out: Decoded): void {
  if (peers.viewName !== '') out.view = peers.viewName
  out.peers = Array.from({ length: peers.count }, (_, index) => ({
    index,
    bgpId: [24, 16, 8, 0].map((bits) => (peers.bgpId[index]! >>> bits) & 255).join('.'),
    address: peers.addressOf(index)!,
    as: peers.as[index]!,
  }))
}

/** The prefix and all paths of a RIB record. */
export function describeRib(
  record: MrtRecord,
  entries: RibEntryCursor,
  peers: MrtPeerTable,
  out: Decoded,
): void {
  out.sequence = record.sequence
  out.family = familyName(record.afi, record.safi)
  const { buf, nlriAt, nlriEnd, safi } = record
  if (safi <= 2) out.prefix = prefixText(buf, nlriAt, nlriEnd, record.afi === 1 ? 4 : 16)
  else out.nlri = hexOf(buf, nlriAt, nlriEnd)
  out.entries = []
  entries.start(record)
  while (entries.next()) {
    const { peerIndex: index } = entries
    const address = peers.addressOf(index)
    const entry: DecodedEntry = {
      peer: address === undefined ? { index } : { index, address, as: peers.as[index]! },
      originated: timeText(entries.originatedTime, 0),
      update: decodeUpdate(entries.buf, entries.at, entries.end, entries.session),
    }
    if (entries.hasPathId) entry.pathId = entries.pathId
    if (entries.problem !== 0) entry.problem = mrtProblemText(entries.problem)
    out.entries.push(entry)
  }
}

/** length(1) and as many octets as it needs. */
function prefixText(buf: Uint8Array, at: number, end: number, addressBytes: 4 | 16): string {
  const address = new Uint8Array(16)
  address.set(buf.subarray(at + 1, Math.min(end, at + 17)))
  return `${formatAddress(address, 0, addressBytes)}/${buf[at]}`
}
