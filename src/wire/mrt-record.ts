/**
 * HOT: where the parts of one MRT record lie (RFC 6396, RFC 8050). One view a reader, filled by
 * parseMrtRecord, everything an offset into `buf`; never throws, allocates nothing.
 */
import { u16, u32 } from '../base/bytes.ts'
import { MrtKind, MrtProblem, type MrtSubtypeSpec, MrtType, mrtSubtype } from './mrt-type.ts'
import { ALL_FAMILIES, type Family, familyOf, HEADER_LENGTH } from './registry.ts'
import type { UpdateSession } from './update-view.ts'

/** timestamp(4) type(2) subtype(2) length(4), RFC 6396 §2. */
export const MRT_HEADER_LENGTH = 12

/**
 * One MRT record, as offsets into `buf`, valid until the callback it was given to returns.
 *
 *     at            bodyAt                                       end
 *     | header(12)  | peer AS, addresses … | messageAt  messageEnd |      BGP4MP
 *     | header(12)  | sequence  nlriAt  nlriEnd  | entriesAt …     |      TABLE_DUMP_V2, RIB_*
 */
export class MrtRecord {
  buf: Uint8Array = new Uint8Array(0)
  /** Position of the record in the file, in octets: what errors name. */
  offset = 0
  /** The record's header, behind it (and behind the microseconds of an _ET record), its end. */
  at = 0
  bodyAt = 0
  end = 0
  /** Seconds since 1970, UTC. */
  timestamp = 0
  /** BGP4MP_ET only, else 0 (RFC 6396 §3). */
  microseconds = 0
  type = 0
  subtype = 0
  kind: MrtKind = MrtKind.OTHER
  /** MrtProblem: why `kind` is OTHER, or what is wrong beside; and where in `buf`. */
  problem = 0
  problemAt = 0

  // ── MESSAGE and STATE_CHANGE ──
  peerAs = 0
  localAs = 0
  interfaceIndex = 0
  /** 4 or 16; the addresses are `buf` from these positions. */
  addressBytes: 4 | 16 = 4
  peerAddressAt = 0
  localAddressAt = 0
  /** Sent by the collector (the _LOCAL subtypes). */
  local = false
  oldState = 0
  newState = 0
  /** The whole BGP message, and its body: what parseUpdate takes. */
  messageAt = 0
  messageType = 0
  messageBodyAt = 0
  messageEnd = 0
  /**
   * How the message is read: width of AS numbers and path identifiers from the subtype, every
   * family, and no attribute refused for coming from another AS.
   */
  readonly session: UpdateSession = {
    asn4: true,
    ebgp: false,
    localAs: 0,
    addPath: 0,
    families: ALL_FAMILIES,
  }

  // ── RIB ──
  sequence = 0
  afi = 0
  safi = 0
  /** 0: not one we know. */
  family: Family | 0 = 0
  /** The NLRI, without path identifier: length in bits, then octets (other for some families). */
  nlriAt = 0
  nlriEnd = 0
  entryCount = 0
  entriesAt = 0
  /** Every entry has a path identifier; or the NLRI had one, for all of them. */
  entryPathIds = false
  hasPathId = false
  pathId = 0
}

/** Fills `record` from `buf` at `at` … `end`, a whole record with its header. */
export function parseMrtRecord(
  record: MrtRecord,
  buf: Uint8Array,
  at: number,
  end: number,
  offset: number,
): void {
  record.buf = buf
  record.offset = offset
  record.at = at
  record.end = end
  record.timestamp = u32(buf, at)
  record.microseconds = 0
  record.type = u16(buf, at + 4)
  record.subtype = u16(buf, at + 6)
  record.bodyAt = at + MRT_HEADER_LENGTH
  record.problem = record.problemAt = 0
  record.kind = parseBody(record)
}

/** What the record is; OTHER with a problem set when it cannot be told. */
function parseBody(record: MrtRecord): MrtKind {
  const { buf, at, end } = record
  const spec = mrtSubtype(record.type, record.subtype)
  if (record.type === MrtType.BGP4MP_ET) {
    if (end - record.bodyAt < 4) return fail(record, MrtProblem.TOO_SHORT, record.bodyAt)
    record.microseconds = u32(buf, record.bodyAt)
    record.bodyAt += 4
  }
  if (spec === undefined) return fail(record, MrtProblem.UNKNOWN_TYPE, at + 4)
  switch (spec.kind) {
    case MrtKind.PEER_INDEX_TABLE:
      return spec.kind
    case MrtKind.RIB:
      return parseRib(record, spec)
    default:
      return parseBgp4mp(record, spec)
  }
}

function fail(record: MrtRecord, problem: number, at: number): MrtKind {
  record.problem = problem
  record.problemAt = at
  return MrtKind.OTHER
}

/** peer AS(2|4) local AS(2|4) interface(2) AFI(2) peer address local address, then the rest. */
function parseBgp4mp(record: MrtRecord, spec: MrtSubtypeSpec): MrtKind {
  const { buf, bodyAt, end } = record
  const asBytes = spec.asn4 ? 4 : 2
  let k = bodyAt + 2 * asBytes
  if (end - k < 4) return fail(record, MrtProblem.TOO_SHORT, bodyAt)
  record.peerAs = spec.asn4 ? u32(buf, bodyAt) : u16(buf, bodyAt)
  record.localAs = spec.asn4 ? u32(buf, bodyAt + 4) : u16(buf, bodyAt + 2)
  record.interfaceIndex = u16(buf, k)
  const afi = u16(buf, k + 2)
  if (afi !== 1 && afi !== 2) return fail(record, MrtProblem.ADDRESS_FAMILY, k + 2)
  k += 4
  const addressBytes = afi === 1 ? 4 : 16
  if (end - k < 2 * addressBytes) return fail(record, MrtProblem.TOO_SHORT, k)
  record.addressBytes = addressBytes
  record.peerAddressAt = k
  record.localAddressAt = k + addressBytes
  record.local = spec.local
  k += 2 * addressBytes
  return spec.kind === MrtKind.STATE_CHANGE ? parseStates(record, k) : parseMessage(record, k, spec)
}

function parseStates(record: MrtRecord, at: number): MrtKind {
  const { buf, end } = record
  if (end - at < 4) return fail(record, MrtProblem.TOO_SHORT, at)
  record.oldState = u16(buf, at)
  record.newState = u16(buf, at + 2)
  if (end - at > 4) fail(record, MrtProblem.TRAILING, at + 4)
  return MrtKind.STATE_CHANGE
}

function parseMessage(record: MrtRecord, at: number, spec: MrtSubtypeSpec): MrtKind {
  const { buf, end, session } = record
  if (end - at < HEADER_LENGTH) return fail(record, MrtProblem.MESSAGE_LENGTH, at)
  for (let k = at; k < at + 16; k++) {
    if (buf[k] !== 0xff) return fail(record, MrtProblem.MARKER, k)
  }
  if (u16(buf, at + 16) !== end - at) return fail(record, MrtProblem.MESSAGE_LENGTH, at + 16)
  record.messageAt = at
  record.messageType = buf[at + 18]!
  record.messageBodyAt = at + HEADER_LENGTH
  record.messageEnd = end
  session.asn4 = spec.asn4
  session.localAs = record.localAs
  session.addPath = spec.addPath ? ALL_FAMILIES : 0
  return MrtKind.MESSAGE
}

/** sequence(4) [AFI(2) SAFI(1)] NLRI entry count(2) entries… (RFC 6396 §4.3.2, §4.3.3). */
function parseRib(record: MrtRecord, spec: MrtSubtypeSpec): MrtKind {
  const { buf, bodyAt, end } = record
  const isGeneric = spec.afi === 0
  let k = bodyAt + (isGeneric ? 7 : 4)
  if (k >= end) return fail(record, MrtProblem.TOO_SHORT, bodyAt)
  record.sequence = u32(buf, bodyAt)
  record.afi = isGeneric ? u16(buf, bodyAt + 4) : spec.afi
  record.safi = isGeneric ? buf[bodyAt + 6]! : spec.safi
  record.family = familyOf(record.afi, record.safi)
  record.entryPathIds = spec.addPath
  record.hasPathId = false
  record.pathId = 0
  if (isGeneric && spec.addPath && readPathId(record, k)) k += 4
  if (!isGeneric && buf[k]! > (spec.afi === 1 ? 32 : 128)) {
    return fail(record, MrtProblem.PREFIX_LENGTH, k)
  }
  const nlriEnd = k + nlriLength(record, k)
  if (nlriEnd + 2 > end) return fail(record, MrtProblem.PREFIX, k)
  record.nlriAt = k
  record.nlriEnd = nlriEnd
  record.entryCount = u16(buf, nlriEnd)
  record.entriesAt = nlriEnd + 2
  return MrtKind.RIB
}

/**
 * RFC 8050 §4.2 puts the path identifier of RIB_GENERIC_ADDPATH before the NLRI; GoBGP and
 * OpenBGPD put one into each entry, as the other subtypes have it. Of which kind a record is shows
 * when its entries fill it: true for the RFC's.
 */
function readPathId(record: MrtRecord, at: number): boolean {
  const { buf, end } = record
  if (end - at < 5) return false
  const nlriEnd = at + 4 + nlriLength(record, at + 4)
  if (nlriEnd + 2 > end) return false
  let k = nlriEnd + 2
  for (let left = u16(buf, nlriEnd); left > 0; left--) {
    if (end - k < 8) return false
    k += 8 + u16(buf, k + 6)
  }
  if (k !== end) return false
  record.entryPathIds = false
  record.hasPathId = true
  record.pathId = u32(buf, at)
  return true
}

const AFI_L2VPN = 25
const AFI_BGP_LS = 16388

/** Octets of the NLRI at `at`; may reach past the record. */
function nlriLength({ buf, afi, safi }: MrtRecord, at: number): number {
  // 0 stands for octets behind the buffer: what the caller then finds is past the end
  const first = buf[at] ?? 0
  const second = buf[at + 1] ?? 0
  if (safi === 5 || safi === 70) return 2 + second // MVPN (RFC 6514 §4), EVPN (RFC 7432 §7)
  if (safi === 133 || safi === 134) {
    // flow specifications, RFC 8955 §4.1
    return first < 0xf0 ? 1 + first : 2 + (((first & 0xf) << 8) | second)
  }
  if (afi === AFI_L2VPN) return 2 + ((first << 8) | second) // VPLS, RFC 4761 §3.2.2
  if (afi === AFI_BGP_LS) return 4 + (((buf[at + 2] ?? 0) << 8) | (buf[at + 3] ?? 0))
  return 1 + ((first + 7) >>> 3)
}
