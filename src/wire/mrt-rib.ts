/**
 * HOT: the entries of a RIB record of TABLE_DUMP_V2 (RFC 6396 §4.3.4, RFC 8050 §4.1), each as the
 * UPDATE that would have announced it, for the same parser that reads messages. Allocates nothing.
 */
import { copyBytes, putU16, putU32, u16, u32 } from '../base/bytes.ts'
import type { MrtRecord } from './mrt-record.ts'
import { MrtProblem } from './mrt-type.ts'
import { ALL_FAMILIES, Attr, AttrFlag, Family } from './registry.ts'
import type { UpdateSession } from './update-view.ts'

/** Withdrawn length(2) and attributes length(2) of the UPDATE. */
const ATTRS_AT = 4
const MAX_ATTRS_LENGTH = 0xffff
/** An NLRI behind its path identifier, of the longest family there is. */
const MAX_NLRI = 4 + 0x10004

/**
 * The entries of one RIB record: start, then next until it gives false; then `problem` tells
 * whether the record broke off.
 *
 *     peer index(2) originated time(4) [path identifier(4)] attributes length(2) attributes…
 */
export class RibEntryCursor {
  /** Row in the PEER_INDEX_TABLE. */
  peerIndex = 0
  /** Seconds since 1970. */
  originatedTime = 0
  /** RFC 8050; 0 without. */
  pathId = 0
  hasPathId = false
  /** The entry, its attributes and its end in the record's `buf`. */
  entryAt = 0
  attrsAt = 0
  attrsEnd = 0
  /**
   * The body of an UPDATE that announces the record's prefix with the entry's attributes:
   * `parseUpdate(view, entries.buf, entries.at, entries.end, entries.session)`. The abbreviated
   * MP_REACH_NLRI (RFC 6396 §4.3.4) is written out. Overwritten by `next`.
   */
  readonly buf: Uint8Array = new Uint8Array(ATTRS_AT + 2 * MAX_ATTRS_LENGTH + 2 * MAX_NLRI)
  readonly at = 0
  end = 0
  /** RFC 6396 §4.3.4: AS numbers have four octets whatever the session had. */
  readonly session: UpdateSession = {
    asn4: true,
    ebgp: false,
    localAs: 0,
    addPath: 0,
    families: ALL_FAMILIES,
  }
  /** MrtProblem of this entry, or why there is no next one; and where in the record's `buf`. */
  problem = 0
  problemAt = 0

  #record: MrtRecord | null = null
  #next = 0
  #left = 0
  #hasReach = false

  /** Sets the cursor before the first entry of a record whose kind is RIB. */
  start(record: MrtRecord): void {
    this.#record = record
    this.#next = record.entriesAt
    this.#left = record.entryCount
    this.problem = this.problemAt = 0
    this.hasPathId = record.entryPathIds || record.hasPathId
    this.pathId = record.pathId
    this.session.addPath = this.hasPathId ? ALL_FAMILIES : 0
  }

  /** Moves to the next entry; false behind the last one, or when the record breaks off. */
  next(): boolean {
    const record = this.#record
    if (record === null) return false
    this.problem = 0
    const { buf, end } = record
    const at = this.#next
    if (this.#left === 0) return at === end ? false : this.#stop(MrtProblem.TRAILING, at)
    const attrsAt = at + (record.entryPathIds ? 12 : 8)
    if (attrsAt > end) return this.#stop(MrtProblem.ENTRY, at)
    const attrsEnd = attrsAt + u16(buf, attrsAt - 2)
    if (attrsEnd > end) return this.#stop(MrtProblem.ENTRY_ATTRIBUTES, attrsAt - 2)
    this.peerIndex = u16(buf, at)
    this.originatedTime = u32(buf, at + 2)
    if (record.entryPathIds) this.pathId = u32(buf, at + 6)
    this.entryAt = at
    this.attrsAt = attrsAt
    this.attrsEnd = attrsEnd
    this.#next = attrsEnd
    this.#left--
    this.#writeUpdate(record)
    return true
  }

  #stop(problem: number, at: number): false {
    this.problem = problem
    this.problemAt = at
    this.#left = 0
    this.#record = null
    return false
  }

  #writeUpdate(record: MrtRecord): void {
    const out = this.buf
    putU16(out, 0, 0)
    this.#hasReach = false
    let k = this.#writeAttributes(record)
    if (k - ATTRS_AT > MAX_ATTRS_LENGTH) {
      this.#fail(MrtProblem.ENTRY_TOO_LONG, this.attrsAt)
      k = ATTRS_AT
    }
    putU16(out, 2, k - ATTRS_AT)
    const isClassic = record.family === Family.IPV4_UNICAST && !this.#hasReach
    this.end = isClassic && this.problem === 0 ? this.#writeNlri(record, k) : k
  }

  #fail(problem: number, at: number): void {
    this.problem = problem
    this.problemAt = at
  }

  /** The attributes as they stand, but MP_REACH_NLRI in full; returns the position behind. */
  #writeAttributes(record: MrtRecord): number {
    const { buf } = record
    const { attrsAt, attrsEnd } = this
    let k = ATTRS_AT
    let at = attrsAt
    while (attrsEnd - at >= 4) {
      const extended = (buf[at]! & AttrFlag.EXTENDED_LENGTH) !== 0
      const valueAt = at + (extended ? 4 : 3)
      const end = valueAt + (extended ? u16(buf, at + 2) : buf[at + 2]!)
      if (end > attrsEnd) break
      if (buf[at + 1] === Attr.MP_REACH_NLRI) k = this.#writeReach(record, at, valueAt, end, k)
      else k = copyBytes(buf, at, this.buf, k, end - at)
      at = end
    }
    // what is left is no attribute: the parser will say so
    return copyBytes(buf, at, this.buf, k, attrsEnd - at)
  }

  /**
   * next hop length(1) next hop, RFC 6396 §4.3.4, to the form of RFC 4760 §3. Some writers leave
   * the full form in: its first octet, the high one of the AFI, is 0, as no next hop length is.
   */
  #writeReach(record: MrtRecord, at: number, valueAt: number, end: number, to: number): number {
    const { buf } = record
    const out = this.buf
    const isFull = end - valueAt >= 5 && buf[valueAt] === 0
    const hopAt = isFull ? valueAt + 3 : valueAt
    const hopLength = hopAt < end ? buf[hopAt]! : 0
    const hopEnd = hopAt + 1 + hopLength
    if (this.#hasReach || hopEnd > end || (!isFull && hopEnd !== end)) {
      this.#fail(MrtProblem.ABBREVIATED_REACH, at)
      return to
    }
    this.#hasReach = true
    out[to] = buf[at]! | AttrFlag.EXTENDED_LENGTH
    out[to + 1] = Attr.MP_REACH_NLRI
    putU16(out, to + 4, record.afi)
    out[to + 6] = record.safi
    let k = copyBytes(buf, hopAt, out, to + 7, 1 + hopLength)
    out[k++] = 0
    k = this.#writeNlri(record, k)
    putU16(out, to + 2, k - to - 4)
    return k
  }

  #writeNlri(record: MrtRecord, to: number): number {
    let k = to
    if (this.hasPathId) {
      putU32(this.buf, k, this.pathId)
      k += 4
    }
    return copyBytes(record.buf, record.nlriAt, this.buf, k, record.nlriEnd - record.nlriAt)
  }
}
