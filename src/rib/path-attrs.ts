import { ByteIntern } from '../base/byte-intern.ts'
import { copyBytes, u16, u32 } from '../base/bytes.ts'
import type { Id } from '../base/id.ts'
import { grown } from '../base/row-pool.ts'
import { AS_TRANS, asPathFirst, asPathLength, writeExpandedAsPath } from '../wire/as-path.ts'
import { putAttrHeader } from '../wire/attr-writer.ts'
import { Attr, AttrFlag } from '../wire/registry.ts'
import type { UpdateView } from '../wire/update-view.ts'

/** One distinct attribute set with its next hop. */
export type AttrsId = Id<'attrs'>

export const DEFAULT_LOCAL_PREF = 100

/** Some ten million attribute sets. */
const MOST_OCTETS = 2 ** 30

/** Bits of `flagsOf`. */
export const AttrsFlag = {
  LOCAL_PREF: 1,
  MED: 2,
  NO_EXPORT: 4,
  NO_ADVERTISE: 8,
  PREFIX_SID: 16,
  /** RFC 9494 §3.2, §3.3. */
  LLGR_STALE: 32,
  NO_LLGR: 64,
} as const

/** The bits of attribute flags that mean something (RFC 4271 §4.3); the length bit is the writer's. */
const KEPT_FLAGS = AttrFlag.OPTIONAL | AttrFlag.TRANSITIVE | AttrFlag.PARTIAL

/** RFC 1997. */
export const NO_EXPORT = 0xffffff01
const NO_ADVERTISE = 0xffffff02
const NO_EXPORT_SUBCONFED = 0xffffff03
/** RFC 9494 §3.2. */
export const LLGR_STALE = 0xffff0006
const NO_LLGR = 0xffff0007

/**
 * The attribute sets of all paths of all tables, each once, as bytes and as the decoded columns
 * that the decision process asks for. The bytes of a row:
 *
 *   nextHopLen(1) nextHop(0, 4, 16 or 32; no RD) then the attributes as received, less NEXT_HOP,
 *   MP_REACH_NLRI, MP_UNREACH_NLRI and what RFC 7606 discards; AS numbers have 4 octets.
 *
 * The Adj-RIB-In makes rows from a view, export and Adj-RIB-Out from an AttrWriter.
 */
export class AttrsTable {
  readonly #intern = new ByteIntern()
  readonly #scratch = new Uint8Array(3 * 65536)
  #flags = new Uint8Array(64)
  #origin = new Uint8Array(64)
  #asPathLen = new Uint16Array(64)
  #neighborAs = new Uint32Array(64)
  #localPref = new Uint32Array(64)
  #med = new Uint32Array(64)
  #originatorId = new Uint32Array(64)
  #clusterCount = new Uint16Array(64)
  #generation = new Uint32Array(64)
  /** Where the attribute that `find` found has its value, in `bytes`. */
  valueAt = 0
  valueEnd = 0

  get count(): number {
    return this.#intern.count
  }

  /** What the attribute sets take in memory, less their columns. */
  get octets(): number {
    return this.#intern.octets
  }

  /** No more sets should come: the octets of much more would be beyond what one buffer holds. */
  get isFull(): boolean {
    return this.octets > MOST_OCTETS
  }

  /** All attribute sets; replaced when it grows: never keep it over an intern. */
  get bytes(): Uint8Array {
    return this.#intern.bytes
  }

  nextHopAt(id: AttrsId): number {
    return this.#intern.atOf(id) + 1
  }

  nextHopLen(id: AttrsId): number {
    return this.#intern.bytes[this.#intern.atOf(id)]!
  }

  attrsAt(id: AttrsId): number {
    const at = this.#intern.atOf(id)
    return at + 1 + this.#intern.bytes[at]!
  }

  attrsEnd(id: AttrsId): number {
    return this.#intern.endOf(id)
  }

  /** How long the set is, next hop included. */
  lengthOf(id: AttrsId): number {
    return this.#intern.endOf(id) - this.#intern.atOf(id)
  }

  flagsOf(id: AttrsId): number {
    return this.#flags[id]!
  }

  originOf(id: AttrsId): number {
    return this.#origin[id]!
  }

  asPathLenOf(id: AttrsId): number {
    return this.#asPathLen[id]!
  }

  neighborAsOf(id: AttrsId): number {
    return this.#neighborAs[id]!
  }

  /** LOCAL_PREF, or the default of 100 where the attribute is absent. */
  localPrefOf(id: AttrsId): number {
    return this.#localPref[id]!
  }

  /** MED; absent is 0, the best (RFC 4271 §9.1.2.2 c). */
  medOf(id: AttrsId): number {
    return this.#med[id]!
  }

  originatorIdOf(id: AttrsId): number {
    return this.#originatorId[id]!
  }

  clusterCountOf(id: AttrsId): number {
    return this.#clusterCount[id]!
  }

  /** Changes when the row is given to another attribute set: what caches by AttrsId must compare. */
  generationOf(id: AttrsId): number {
    return this.#generation[id]!
  }

  retain(id: AttrsId): void {
    this.#intern.retain(id)
  }

  release(id: AttrsId): void {
    if (this.#intern.release(id)) this.#generation[id] = this.#generation[id]! + 1
  }

  /** HOT: the attribute set of a received UPDATE with the next hop at `nextHopAt` (no RD). */
  fromView(view: UpdateView, nextHopAt: number, nextHopLen: number): AttrsId {
    const out = this.#scratch
    const buf = view.buf
    out[0] = nextHopLen
    let end = copyBytes(buf, nextHopAt, out, 1, nextHopLen)
    for (let k = 0; k < view.attrCount; k++) {
      const type = view.attrType(k)
      if (view.attrDiscard[k] === 1 || isCarriedApart(type)) continue
      if (!view.asn4 && (type === Attr.AS_PATH || type === Attr.AGGREGATOR)) {
        end =
          type === Attr.AS_PATH
            ? widenAsPath(view, k, out, end)
            : widenAggregator(view, k, out, end)
        continue
      }
      const valueAt = view.attrValueAt(k)
      const len = view.attrEnd(k) - valueAt
      end = putAttrHeader(out, end, view.attrFlags(k) & KEPT_FLAGS, type, len)
      end = copyBytes(buf, valueAt, out, end, len)
    }
    return this.#internScratch(end)
  }

  /** The attribute set of normalised attribute bytes (AttrWriter) and a next hop without RD. */
  fromBytes(
    nextHop: Uint8Array,
    nextHopAt: number,
    nextHopLen: number,
    attrs: Uint8Array,
    at: number,
    end: number,
  ): AttrsId {
    const out = this.#scratch
    out[0] = nextHopLen
    copyBytes(nextHop, nextHopAt, out, 1, nextHopLen)
    return this.#internScratch(copyBytes(attrs, at, out, 1 + nextHopLen, end - at))
  }

  /** True when the set has the attribute; its value lies at `valueAt` to `valueEnd` of `bytes`. */
  find(id: AttrsId, type: number): boolean {
    const buf = this.#intern.bytes
    const end = this.#intern.endOf(id)
    let at = this.attrsAt(id)
    while (at < end) {
      const wide = (buf[at]! & AttrFlag.EXTENDED_LENGTH) !== 0
      const valueAt = at + (wide ? 4 : 3)
      const next = valueAt + (wide ? u16(buf, at + 2) : buf[at + 2]!)
      if (buf[at + 1] === type) {
        this.valueAt = valueAt
        this.valueEnd = next
        return true
      }
      at = next
    }
    return false
  }

  #internScratch(end: number): AttrsId {
    const id = this.#intern.intern(this.#scratch, 0, end) as AttrsId
    if (this.#intern.lastWasNew) this.#decode(id)
    return id
  }

  #decode(id: AttrsId): void {
    if (id >= this.#flags.length) this.#grow(id)
    this.#flags[id] = 0
    this.#origin[id] = 2
    this.#asPathLen[id] = 0
    this.#neighborAs[id] = 0
    this.#localPref[id] = DEFAULT_LOCAL_PREF
    this.#med[id] = 0
    this.#originatorId[id] = 0
    this.#clusterCount[id] = 0
    const buf = this.#intern.bytes
    const end = this.#intern.endOf(id)
    let at = this.attrsAt(id)
    while (at < end) {
      const wide = (buf[at]! & AttrFlag.EXTENDED_LENGTH) !== 0
      const valueAt = at + (wide ? 4 : 3)
      const next = valueAt + (wide ? u16(buf, at + 2) : buf[at + 2]!)
      this.#decodeOne(id, buf, buf[at + 1]!, valueAt, next)
      at = next
    }
  }

  #decodeOne(id: AttrsId, buf: Uint8Array, type: number, at: number, end: number): void {
    switch (type) {
      case Attr.ORIGIN:
        this.#origin[id] = buf[at]!
        break
      case Attr.AS_PATH:
        this.#asPathLen[id] = asPathLength(buf, at, end)
        this.#neighborAs[id] = asPathFirst(buf, at, end)
        break
      case Attr.MULTI_EXIT_DISC:
        this.#med[id] = u32(buf, at)
        this.#flags[id] = this.#flags[id]! | AttrsFlag.MED
        break
      case Attr.LOCAL_PREF:
        this.#localPref[id] = u32(buf, at)
        this.#flags[id] = this.#flags[id]! | AttrsFlag.LOCAL_PREF
        break
      case Attr.ORIGINATOR_ID:
        this.#originatorId[id] = u32(buf, at)
        break
      case Attr.CLUSTER_LIST:
        this.#clusterCount[id] = (end - at) >>> 2
        break
      case Attr.COMMUNITIES:
        this.#flags[id] = this.#flags[id]! | wellKnownFlags(buf, at, end)
        break
      case Attr.PREFIX_SID:
        this.#flags[id] = this.#flags[id]! | AttrsFlag.PREFIX_SID
        break
      default:
    }
  }

  #grow(id: number): void {
    let capacity = this.#flags.length
    while (capacity <= id) capacity *= 2
    this.#flags = grown(this.#flags, capacity)
    this.#origin = grown(this.#origin, capacity)
    this.#asPathLen = grown(this.#asPathLen, capacity)
    this.#neighborAs = grown(this.#neighborAs, capacity)
    this.#localPref = grown(this.#localPref, capacity)
    this.#med = grown(this.#med, capacity)
    this.#originatorId = grown(this.#originatorId, capacity)
    this.#clusterCount = grown(this.#clusterCount, capacity)
    this.#generation = grown(this.#generation, capacity)
  }
}

/** Attributes that are no part of a set: the next hop stands in front, AS4_* are merged. */
function isCarriedApart(type: number): boolean {
  return (
    type === Attr.NEXT_HOP ||
    type === Attr.MP_REACH_NLRI ||
    type === Attr.MP_UNREACH_NLRI ||
    type === Attr.AS4_PATH ||
    type === Attr.AS4_AGGREGATOR
  )
}

/** RFC 6793 §4.2.3: AS_PATH of a 2-octet speaker, with AS4_PATH merged in. */
function widenAsPath(view: UpdateView, index: number, out: Uint8Array, at: number): number {
  const end = writeExpandedAsPath(view, out, at + 4)
  const len = end - at - 4
  const flags = view.attrFlags(index) & KEPT_FLAGS
  const valueAt = putAttrHeader(out, at, flags, Attr.AS_PATH, len)
  if (valueAt === at + 3) out.copyWithin(valueAt, at + 4, end)
  return valueAt + len
}

function widenAggregator(view: UpdateView, index: number, out: Uint8Array, at: number): number {
  const flags = view.attrFlags(index) & KEPT_FLAGS
  const end = putAttrHeader(out, at, flags, Attr.AGGREGATOR, 8)
  const as4 = view.indexOf(Attr.AS4_AGGREGATOR)
  const valueAt = view.attrValueAt(index)
  if (as4 >= 0 && view.attrDiscard[as4] === 0 && u16(view.buf, valueAt) === AS_TRANS) {
    return copyBytes(view.buf, view.attrValueAt(as4), out, end, 8)
  }
  out[end] = 0
  out[end + 1] = 0
  return copyBytes(view.buf, valueAt, out, end + 2, 6)
}

function wellKnownFlags(buf: Uint8Array, at: number, end: number): number {
  let flags = 0
  for (let k = at; k + 4 <= end; k += 4) {
    const community = u32(buf, k)
    if (community === NO_EXPORT || community === NO_EXPORT_SUBCONFED) flags |= AttrsFlag.NO_EXPORT
    else if (community === NO_ADVERTISE) flags |= AttrsFlag.NO_ADVERTISE
    else if (community === LLGR_STALE) flags |= AttrsFlag.LLGR_STALE
    else if (community === NO_LLGR) flags |= AttrsFlag.NO_LLGR
  }
  return flags
}
